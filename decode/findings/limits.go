package findings

// notMailbox leaves full mailboxes of recipients, and logins, to their own
// rules.
func notMailbox(_ *session, r *reply) bool {
	return !containsAny(r.folded(), []string{"mailbox is full", "over quota", "overquota", "message size", "log in", "login attempts", "recipients"})
}
