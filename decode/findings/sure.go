package findings

import (
	"slices"
	"strings"

	"smtptap/decode/facts"
	"smtptap/decode/meaning"
)

// Class is a kind of failure, for programs that act on it.
type Class string

const (
	ClassConnection Class = "connection" // no server was reached, or it was lost
	ClassTLS        Class = "tls"
	ClassLogin      Class = "login"
	ClassSender     Class = "sender"
	ClassRecipient  Class = "recipient"
	ClassMessage    Class = "message"
	ClassLimit      Class = "limit"
	ClassPolicy     Class = "policy"   // the server does not want this client
	ClassProtocol   Class = "protocol" // what was said is not as SMTP wants it
	ClassServer     Class = "server"   // its own trouble
	ClassClient     Class = "client"   // the client's own trouble
)

// Certainty is how sure a verdict is.
type Certainty string

const (
	CertainExact Certainty = "exact" // what happened is known
	CertainStage Certainty = "stage" // what was refused is known, and whether for good; the words tell the rest
	CertainClass Certainty = "class" // no more is known than that it failed, and whether for good
)

// stageFindings say what was refused and leave the reason to the words.
var stageFindings = []string{"MAIL-REFUSED", "RCPT-REFUSED", "MESSAGE-REFUSED", "BANNER-554", "GREETING-421", "AUTH-REFUSED", "DATA-NOT-354", "TEMP-451-LOCAL", "SERVICE-CLOSING-421", "CONN-FAILED", "TLS-HANDSHAKE-FAIL", "CONN-CLOSED-MID-SESSION"}

// classFindings say less.
var classFindings = []string{"REFUSED-5XX", "REFUSED-4XX", "CLIENT-ERROR", VerdictNotSent, VerdictPartly}

// classes are the classes of findings by how their ids begin, the longest first
// where several do. An id that begins with none of them is about the protocol.
var classes = []struct {
	prefix string
	class  Class
}{
	{"CLIENT-IP-REFUSED", ClassPolicy}, {"RELAY-IP", ClassPolicy}, {"RELAY-", ClassRecipient},
	{"CONN-CLOSED-DURING-AUTH", ClassLogin}, {"CONN-", ClassConnection}, {"CONNECT", ClassConnection}, {"WRONG-SERVICE", ClassConnection}, {"REDIRECTED", ClassConnection}, {"DNS-", ClassConnection}, {"TIMEOUT-", ClassConnection}, {"KEEPALIVE", ClassConnection}, {"IDLE-", ClassConnection}, {"LOOP-TO-SELF", ClassConnection}, {"MX-NOT", ClassConnection}, {"PROXY-", ClassConnection},
	{"TLS-", ClassTLS}, {"STARTTLS-", ClassTLS}, {"PLAIN-ON", ClassTLS}, {"AUTH-BEFORE-STARTTLS", ClassTLS}, {"CLIENT-AUTH-NEEDS-TLS", ClassTLS}, {"PM-OPENSSL", ClassTLS},
	{"RATE-454-LOGIN", ClassLogin}, {"AUTH-TEMP", ClassLogin}, {"AUTH-", ClassLogin}, {"GMAIL-530", ClassLogin}, {"CREDENTIALS", ClassLogin}, {"CLIENT-QUIT-BEFORE-AUTH", ClassLogin},
	{"MAILFROM-", ClassSender}, {"SENDER-", ClassSender}, {"FROM-", ClassSender}, {"MAIL-REFUSED", ClassSender}, {"SES-", ClassSender}, {"SENDGRID-", ClassSender}, {"PROVIDER-", ClassSender}, {"O365-", ClassSender}, {"SPF-", ClassSender}, {"GMAIL-550", ClassSender}, {"SMTPUTF8", ClassSender},
	{"RCPT-LIMIT", ClassLimit}, {"RCPT", ClassRecipient}, {"MAILBOX-", ClassRecipient}, {"NULL-MX", ClassRecipient}, {"OTHER-DOMAIN", ClassRecipient},
	{"RATE-", ClassLimit}, {"GREYLIST", ClassServer}, {"TOO-MANY", ClassLimit},
	{"BANNER-", ClassPolicy}, {"RBL-", ClassPolicy}, {"PTR-", ClassPolicy}, {"HELO-", ClassPolicy},
	{"SIZE-DISK", ClassServer}, {"TEMP-451", ClassServer}, {"GREETING-", ClassServer}, {"SERVICE-", ClassServer}, {"LOOP-", ClassServer}, {"REFUSED-4", ClassServer},
	{"SIZE-", ClassMessage}, {"MESSAGE-", ClassMessage}, {"CONTENT-", ClassMessage}, {"ATTACHMENT", ClassMessage}, {"NETEASE", ClassMessage}, {"URIBL", ClassMessage}, {"LINE-", ClassMessage}, {"BARE-", ClassMessage}, {"HEADER-", ClassMessage}, {"MIME-", ClassMessage}, {"DUPLICATE", ClassMessage}, {"MISSING", ClassMessage}, {"ENC", ClassMessage}, {"EIGHTBIT", ClassMessage}, {"DATA-NOT", ClassMessage},
	{"PM-", ClassClient}, {"CLIENT-", ClassClient}, {"S-CLIENT", ClassClient},
}

func classOf(id string) Class {
	for _, c := range classes {
		if strings.HasPrefix(id, c.prefix) {
			return c.class
		}
	}
	return ClassProtocol
}

// assess says of a verdict on a failure what kind it is, whether to try again,
// and how sure it is.
func (s *session) assess(v *Verdict, decisive *found) {
	if v.Severity != Failure && decisive == nil {
		return
	}
	v.Class, v.Certainty = classOf(v.ID), CertainExact
	switch {
	case slices.Contains(classFindings, v.ID):
		v.Certainty = CertainClass
	case slices.Contains(stageFindings, v.ID), decisive != nil && decisive.inferred:
		v.Certainty = CertainStage
	}
	v.Retry = s.retry(v.ID, decisive)
}

// retry is what the catalogue says of the finding, unless the class of the code
// says otherwise.
func (s *session) retry(id string, decisive *found) Retry {
	class := s.codeOf(decisive) / 100
	switch {
	case decisive == nil && class == 4, decisive != nil && class == 4 && decisive.Retry == RetryNever:
		return RetryLater
	case id == "MAILBOX-FULL-452" && class == 5:
		return RetryNever
	case decisive != nil && decisive.Retry != "":
		return decisive.Retry
	}
	return RetryAfterFix
}

// codeOf is the code of the refusal that proves a finding, 0 for none.
func (s *session) codeOf(f *found) int {
	if f == nil {
		return 0
	}
	for _, i := range slices.Backward(f.Entries) {
		if r := s.answer(i); r != nil && r.entry == i && r.code >= 400 {
			return r.code
		}
		if n, ok := s.t.Entries[i].Fact.(*facts.Note); ok {
			if r, found := meaning.Quoted(string(n.Text)); found {
				return r.Code
			}
		}
	}
	return 0
}
