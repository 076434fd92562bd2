package codes

// Reply returns the meaning of a reply code whatever it answers. For a code
// that no RFC defines it is what the first two digits mean (RFC 5321 section
// 4.2.1); it is false where not even those are defined.
func Reply(code int) (Meaning, bool) {
	if m, ok := replies[code]; ok {
		return m, true
	}
	class, ok := replyClasses[code/100]
	if !ok || code > 599 {
		return Meaning{}, false
	}
	text := class
	if subject, ok := replySubjects[code/10%10]; ok {
		text += ", about " + subject
	}
	return Meaning{text + " (a code that no RFC defines)", "RFC 5321 section 4.2.1"}, true
}

// ReplyTo returns what a reply code says about the command it answers. verb is
// upper case; "." is the end of the data, "" the greeting or nothing. It falls
// back on Reply.
func ReplyTo(code int, verb string) (Meaning, bool) {
	if m, ok := repliesTo[reply{code, verb}]; ok {
		return m, true
	}
	return Reply(code)
}

type reply struct {
	code int
	verb string
}

var replyClasses = map[int]string{
	1: "preliminary yes, which SMTP does not use",
	2: "yes, done",
	3: "yes so far, the server waits for more",
	4: "not now: a later try may succeed",
	5: "no: the same try will fail again",
}

var replySubjects = map[int]string{
	0: "syntax",
	1: "information",
	2: "the connection",
	5: "the mail system",
}

var replies = map[int]Meaning{
	101: {"cannot connect (some clients make this up, no server sends it)", "not in any RFC"},
	211: {"status or help about the system", "RFC 5321 section 4.2.3"},
	214: {"help text for people", "RFC 5321 section 4.2.3"},
	220: {"ready", "RFC 5321 section 4.2.3"},
	221: {"closing the connection", "RFC 5321 section 4.2.3"},
	235: {"authentication succeeded", "RFC 4954 section 6"},
	250: {"done", "RFC 5321 section 4.2.3"},
	251: {"not a local user, the server will forward", "RFC 5321 section 3.4"},
	252: {"cannot verify the user, but will accept the message and try", "RFC 5321 section 3.5.3"},
	253: {"messages for the node are waiting", "RFC 1985"},
	334: {"the server's step of an authentication, in base64", "RFC 4954 section 4"},
	354: {"send the message, ending with a line that holds a single dot", "RFC 5321 section 4.1.1.4"},
	420: {"connection timed out (unregistered)", "not in any RFC"},
	421: {"not available, closing the connection", "RFC 5321 section 4.2.3"},
	422: {"the user must change to another mechanism or password first", "RFC 5248 section 2.4"},
	432: {"the user must change to another mechanism or password first", "RFC 4954 section 6"},
	450: {"mailbox not available now: busy, or held back for policy such as greylisting", "RFC 5321 section 4.2.3"},
	451: {"local error, or a temporary refusal", "RFC 5321 section 4.2.3"},
	452: {"not enough storage, or too many recipients", "RFC 5321 section 4.5.3.1.10"},
	453: {"no mail for this client (on-demand relay)", "RFC 2645"},
	454: {"temporary failure of TLS or of authentication", "RFC 3207 section 4, RFC 4954 section 6"},
	455: {"parameters cannot be honoured now", "RFC 5321 section 4.2.3"},
	458: {"unable to queue messages for the node", "RFC 1985"},
	459: {"node not allowed", "RFC 1985"},
	500: {"command not recognised, or line too long", "RFC 5321 section 4.2.3"},
	501: {"syntax error in the argument", "RFC 5321 section 4.2.3"},
	502: {"command not implemented", "RFC 5321 section 4.2.4"},
	503: {"command out of order", "RFC 5321 section 4.1.4"},
	504: {"parameter or mechanism not implemented", "RFC 5321 section 4.2.3"},
	510: {"bad address (unregistered)", "not in any RFC"},
	512: {"host of the recipient's domain not found (unregistered)", "not in any RFC"},
	521: {"this host never accepts mail", "RFC 7504"},
	523: {"encryption needed", "RFC 5248 section 2.4"},
	524: {"this mechanism is allowed only inside TLS", "RFC 5248 section 2.4"},
	525: {"account is disabled", "RFC 5248 section 2.4"},
	530: {"authentication or TLS is required first", "RFC 4954 section 6, RFC 3207 section 4"},
	533: {"not authorized (unregistered)", "not in any RFC"},
	534: {"mechanism too weak for this user", "RFC 4954 section 6"},
	535: {"authentication failed: username, password or token not accepted", "RFC 4954 section 6"},
	538: {"this mechanism is allowed only inside TLS", "RFC 4954 section 6"},
	541: {"rejected by a filter (unregistered)", "not in any RFC"},
	550: {"refused: no such mailbox, no access, or rejected by policy", "RFC 5321 section 4.2.3"},
	551: {"not a local user, the reply names where to try", "RFC 5321 section 3.4"},
	552: {"more than the storage or size limit allows", "RFC 5321 section 4.2.3"},
	553: {"address not allowed", "RFC 5321 section 4.2.3"},
	554: {"transaction failed, or no SMTP service here", "RFC 5321 section 4.2.3"},
	555: {"parameters of MAIL or RCPT not recognised", "RFC 5321 section 4.1.1.11"},
	556: {"the domain does not accept mail", "RFC 7504"},
	557: {"too many messages (unregistered)", "not in any RFC"},
	571: {"blocked by the recipient's filter (unregistered)", "not in any RFC"},
}

var repliesTo = map[reply]Meaning{
	{220, ""}:         {"the server greets: it is ready for EHLO", "RFC 5321 section 3.1"},
	{220, "STARTTLS"}: {"ready: the TLS handshake begins now", "RFC 3207 section 4"},
	{421, ""}:         {"the server takes no session now and closes", "RFC 5321 section 3.8"},
	{521, ""}:         {"this host accepts no mail at all", "RFC 7504"},
	{554, ""}:         {"the server refuses this client: it offers no SMTP service to it", "RFC 5321 section 3.1"},

	{221, "QUIT"}: {"goodbye, the server closes the connection", "RFC 5321 section 4.1.1.10"},
	{250, "EHLO"}: {"EHLO accepted; extensions follow", "RFC 5321 section 4.1.1.1"},
	{250, "LHLO"}: {"LHLO accepted; extensions follow", "RFC 2033 section 4.1"},
	{250, "HELO"}: {"hello, without extensions", "RFC 5321 section 4.1.1.1"},
	{250, "MAIL"}: {"sender accepted so far", "RFC 5321 section 3.3"},
	{250, "RCPT"}: {"recipient accepted", "RFC 5321 section 3.3"},
	{251, "RCPT"}: {"recipient is elsewhere, the server will forward", "RFC 5321 section 3.4"},
	{252, "RCPT"}: {"recipient taken without knowing whether it exists", "RFC 5321 section 3.5.3"},
	{250, "."}:    {"message accepted: the server is now responsible for delivery", "RFC 5321 section 4.2.5"},
	{250, "BDAT"}: {"chunk accepted", "RFC 3030 section 2"},
	{250, "RSET"}: {"transaction forgotten", "RFC 5321 section 4.1.1.5"},
	{250, "NOOP"}: {"still here", "RFC 5321 section 4.1.1.9"},
	{250, "VRFY"}: {"user exists", "RFC 5321 section 3.5.1"},
	{250, "EXPN"}: {"members of the list", "RFC 5321 section 3.5.1"},
	{235, "AUTH"}: {"authentication succeeded", "RFC 4954 section 4"},
	{334, "AUTH"}: {"the server asks for the next step", "RFC 4954 section 4"},

	{450, "MAIL"}: {"sender refused for now", "RFC 5321 section 4.2.3"},
	{451, "MAIL"}: {"sender refused for now", "RFC 5321 section 4.2.3"},
	{450, "RCPT"}: {"recipient refused for now: mailbox busy, or held back such as by greylisting", "RFC 5321 section 4.2.3"},
	{451, "RCPT"}: {"recipient refused for now: a fault of the server, or greylisting", "RFC 5321 section 4.2.3"},
	{452, "RCPT"}: {"too many recipients for one message, or no room: send to the rest in another", "RFC 5321 section 4.5.3.1.10"},
	{451, "."}:    {"message not accepted now, the client has to keep it and try later", "RFC 5321 section 4.2.5"},
	{452, "."}:    {"message not accepted: no room now", "RFC 5321 section 4.2.5"},
	{501, "EHLO"}: {"the name given as an argument is not a valid one", "RFC 5321 section 4.1.1.1"},
	{501, "HELO"}: {"the name given as an argument is not a valid one", "RFC 5321 section 4.1.1.1"},
	{502, "EHLO"}: {"no extensions here, the client should try HELO", "RFC 5321 section 3.2"},
	{500, "EHLO"}: {"no extensions here, the client should try HELO", "RFC 5321 section 3.2"},
	{550, "EHLO"}: {"greeting refused", "RFC 5321 section 4.1.1.1"},
	{501, "AUTH"}: {"cancelled by the client, or its base64 could not be read", "RFC 4954 section 4"},
	{503, "AUTH"}: {"not now: already authenticated, inside a transaction, or AUTH is not offered", "RFC 4954 section 4"},
	{504, "AUTH"}: {"mechanism not supported", "RFC 4954 section 4"},
	{454, "AUTH"}: {"authentication failed for now: the server could not check it", "RFC 4954 section 6"},
	{535, "AUTH"}: {"authentication failed: username, password or token not accepted", "RFC 4954 section 6"},
	{530, "AUTH"}: {"the server wants STARTTLS before AUTH", "RFC 3207 section 4"},

	{454, "STARTTLS"}: {"TLS is not available now", "RFC 3207 section 4"},
	{501, "STARTTLS"}: {"STARTTLS takes no argument", "RFC 3207 section 4"},
	{530, "MAIL"}:     {"the server wants authentication or TLS before MAIL", "RFC 4954 section 6, RFC 3207 section 4"},
	{550, "MAIL"}:     {"sender refused", "RFC 5321 section 4.2.3"},
	{553, "MAIL"}:     {"sender address not allowed, often because it is not the authenticated user's", "RFC 5321 section 4.2.3"},
	{552, "MAIL"}:     {"the announced size is over the server's limit", "RFC 1870"},
	{501, "MAIL"}:     {"syntax error in the sender's address or its parameters", "RFC 5321 section 4.1.1.2"},
	{555, "MAIL"}:     {"a parameter of MAIL is not recognised", "RFC 5321 section 4.1.1.11"},
	{530, "RCPT"}:     {"the server wants authentication before RCPT", "RFC 4954 section 6"},
	{550, "RCPT"}:     {"recipient refused: no such mailbox, or relaying to it is not allowed", "RFC 5321 section 4.2.3"},
	{551, "RCPT"}:     {"not a local user, the reply names where to try", "RFC 5321 section 3.4"},
	{552, "RCPT"}:     {"recipient's mailbox is full, or (old servers) too many recipients", "RFC 5321 section 4.5.3.1.10"},
	{553, "RCPT"}:     {"recipient address not allowed", "RFC 5321 section 4.2.3"},
	{554, "RCPT"}:     {"recipient refused by policy, such as relaying denied", "RFC 5321 section 4.2.3"},
	{501, "RCPT"}:     {"syntax error in the recipient's address or its parameters", "RFC 5321 section 4.1.1.3"},
	{555, "RCPT"}:     {"a parameter of RCPT is not recognised", "RFC 5321 section 4.1.1.11"},
	{503, "RCPT"}:     {"no sender yet: MAIL is missing or was refused", "RFC 5321 section 4.1.1.3"},
	{503, "DATA"}:     {"no sender or no accepted recipient yet", "RFC 5321 section 3.3"},
	{554, "DATA"}:     {"no valid recipients", "RFC 5321 section 3.3"},
	{550, "."}:        {"message refused after it was sent, usually for what is in it", "RFC 5321 section 4.2.5"},
	{552, "."}:        {"message refused: too big, or no room", "RFC 5321 section 4.2.5"},
	{554, "."}:        {"message refused after it was sent, usually for what is in it", "RFC 5321 section 4.2.5"},
	{503, "BDAT"}:     {"no sender or no accepted recipient yet, or BDAT after LAST", "RFC 3030 section 2"},
}
