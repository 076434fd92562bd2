package findings

// endedFor finds a session that smtptap ended itself.
func endedFor(cause string) finder {
	return func(s *session) *sighting {
		if s.end == nil || s.end.fact.Cause != cause {
			return nil
		}
		return see(s.end.entry)
	}
}

// noServer finds DNS questions that came to nothing where no server was
// reached.
func noServer(s *session) *sighting {
	if s.connected() || nullMX(s) != nil {
		return nil
	}
	for _, l := range s.lookups {
		if l.fact.Err == "" && (l.fact.Rcode == "" || l.fact.Rcode == "NOERROR") {
			continue
		}
		why := l.fact.Err
		if why == "" {
			why = l.fact.Rcode
		}
		return see(l.entry).with("domain", l.fact.Name).with("why", why)
	}
	return nil
}
