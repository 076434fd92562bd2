package codes

import (
	"strconv"
	"strings"
)

// Enhanced returns the meaning of an enhanced status code such as "5.7.8"
// (RFC 3463). For a detail that is not registered it is what the subject means;
// it is false for what is no such code.
func Enhanced(code string) (Meaning, bool) {
	class, subject, detail, ok := splitEnhanced(code)
	if !ok {
		return Meaning{}, false
	}
	subjectText, known := subjects[subject]
	m, listed := details[detailOf{subject, detail}]
	if by, ok := private[code]; ok && !listed {
		return by, true
	}
	switch {
	case listed && class == 2:
		if better, ok := successes[code]; ok {
			return better, true
		}
		return m, true
	case listed:
		return Meaning{m.Text + weight(class), m.Ref}, true
	case known:
		return Meaning{subjectText + weight(class) + " (detail not registered)", "RFC 3463 section 3"}, true
	}
	return Meaning{"unregistered subject" + weight(class), "RFC 3463 section 2"}, true
}

// splitEnhanced reads class "." subject "." detail (RFC 3463 section 2): class
// 2, 4 or 5, the others up to three digits without a leading zero.
func splitEnhanced(code string) (class, subject, detail int, ok bool) {
	parts := strings.Split(code, ".")
	if len(parts) != 3 || parts[0] != "2" && parts[0] != "4" && parts[0] != "5" {
		return 0, 0, 0, false
	}
	var n [3]int
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 10, 16)
		if err != nil || len(p) > 3 || len(p) > 1 && p[0] == '0' {
			return 0, 0, 0, false
		}
		n[i] = int(v)
	}
	return n[0], n[1], n[2], true
}

// weight is what the class adds: a failure that may pass, or one that stays.
func weight(class int) string {
	switch class {
	case 4:
		return "; a later try may succeed"
	case 5:
		return "; permanent"
	}
	return ""
}

type detailOf struct{ subject, detail int }

var subjects = map[int]string{
	0: "nothing more specific",
	1: "something about an address",
	2: "something about the mailbox",
	3: "something about the mail system",
	4: "something about network or routing",
	5: "something about the protocol",
	6: "something about the content or its conversion",
	7: "something about security or policy",
}

// successes are codes of class 2 for which the general text, made for
// failures, would be wrong.
var successes = map[string]Meaning{
	"2.0.0": {"fine", "RFC 3463 section 3.1"},
	"2.1.0": {"sender address fine", "RFC 3463 section 3.2"},
	"2.1.5": {"recipient address fine", "RFC 3463 section 3.2"},
	"2.3.0": {"mail system fine", "RFC 3463 section 3.4"},
	"2.5.0": {"command fine", "RFC 3463 section 3.6"},
	"2.6.0": {"content fine", "RFC 3463 section 3.7"},
	"2.7.0": {"security fine: authenticated", "RFC 4954 section 6"},
	"2.6.4": {"content was converted, with loss", "RFC 3463 section 3.7"},
	"2.1.6": {"mailbox has moved, the message goes on to it", "RFC 3463 section 3.2"},
	"2.3.6": {"the requested priority was changed", "RFC 6710"},
	"2.2.0": {"mailbox fine", "RFC 3463 section 3.3"},
	"2.4.0": {"network fine", "RFC 3463 section 3.5"},
}

// details is the registry of enumerated status codes.
var details = map[detailOf]Meaning{
	{0, 0}: {"nothing more specific", "RFC 3463 section 3.1"},

	{1, 0}:  {"some other problem with an address", "RFC 3463 section 3.2"},
	{1, 1}:  {"no such mailbox at that domain", "RFC 3463 section 3.2"},
	{1, 2}:  {"the recipient's domain does not exist or takes no mail", "RFC 3463 section 3.2"},
	{1, 3}:  {"recipient's address is not written correctly", "RFC 3463 section 3.2"},
	{1, 4}:  {"recipient's address is ambiguous", "RFC 3463 section 3.2"},
	{1, 5}:  {"recipient's address is valid", "RFC 3463 section 3.2"},
	{1, 6}:  {"mailbox has moved without a forwarding address", "RFC 3463 section 3.2"},
	{1, 7}:  {"sender's address is not written correctly", "RFC 3463 section 3.2"},
	{1, 8}:  {"the sender's domain does not exist or takes no mail back", "RFC 3463 section 3.2"},
	{1, 9}:  {"handed to a system that cannot track messages", "RFC 3886"},
	{1, 10}: {"the recipient's domain says by a null MX that it takes no mail", "RFC 7505"},

	{2, 0}: {"some other problem with the mailbox", "RFC 3463 section 3.3"},
	{2, 1}: {"mailbox is disabled", "RFC 3463 section 3.3"},
	{2, 2}: {"mailbox is full", "RFC 3463 section 3.3"},
	{2, 3}: {"message is longer than this mailbox allows", "RFC 3463 section 3.3"},
	{2, 4}: {"the mailing list could not be expanded", "RFC 3463 section 3.3"},

	{3, 0}: {"some other problem with the mail system", "RFC 3463 section 3.4"},
	{3, 1}: {"the mail system's storage is full", "RFC 3463 section 3.4"},
	{3, 2}: {"the system accepts no messages now, or closes", "RFC 3463 section 3.4"},
	{3, 3}: {"the system lacks a feature that the message needs", "RFC 3463 section 3.4"},
	{3, 4}: {"message is bigger than the system takes", "RFC 3463 section 3.4"},
	{3, 5}: {"the system is not set up to take this message", "RFC 3463 section 3.4"},
	{3, 6}: {"the requested priority was changed", "RFC 6710"},

	{4, 0}: {"some other problem of network or routing", "RFC 3463 section 3.5"},
	{4, 1}: {"no answer from the next host", "RFC 3463 section 3.5"},
	{4, 2}: {"bad connection to the next host", "RFC 3463 section 3.5"},
	{4, 3}: {"a directory (such as DNS) could not be asked", "RFC 3463 section 3.5"},
	{4, 4}: {"no route to the next host", "RFC 3463 section 3.5"},
	{4, 5}: {"the mail system is congested", "RFC 3463 section 3.5"},
	{4, 6}: {"the message runs in a loop", "RFC 3463 section 3.5"},
	{4, 7}: {"the message was too long under way", "RFC 3463 section 3.5"},

	{5, 0}: {"some other problem of the protocol", "RFC 3463 section 3.6"},
	{5, 1}: {"command not valid, or not valid here", "RFC 3463 section 3.6"},
	{5, 2}: {"syntax error", "RFC 3463 section 3.6"},
	{5, 3}: {"too many recipients", "RFC 3463 section 3.6"},
	{5, 4}: {"arguments not valid", "RFC 3463 section 3.6"},
	{5, 5}: {"wrong version of the protocol", "RFC 3463 section 3.6"},
	{5, 6}: {"line of the authentication exchange is too long", "RFC 4954 section 6"},

	{6, 0}:  {"some other problem with the content", "RFC 3463 section 3.7"},
	{6, 1}:  {"kind of content not supported", "RFC 3463 section 3.7"},
	{6, 2}:  {"content must be converted and conversion is forbidden", "RFC 3463 section 3.7"},
	{6, 3}:  {"content must be converted and no conversion is known", "RFC 3463 section 3.7"},
	{6, 4}:  {"content was converted, with loss", "RFC 3463 section 3.7"},
	{6, 5}:  {"conversion of the content failed", "RFC 3463 section 3.7"},
	{6, 6}:  {"content cannot be fetched", "RFC 4468"},
	{6, 7}:  {"non-ASCII addresses are not allowed for this sender or recipient", "RFC 6531"},
	{6, 8}:  {"the reply needs UTF-8, which the client did not allow", "RFC 6531"},
	{6, 9}:  {"a message with UTF-8 headers cannot go to one or more recipients", "RFC 6531"},
	{6, 10}: {"a message with UTF-8 cannot be handed on (withdrawn code)", "RFC 5504, obsolete"},

	{7, 0}:  {"some other problem of security or policy", "RFC 3463 section 3.8"},
	{7, 1}:  {"not allowed: refused by policy, such as relaying, a block list or content", "RFC 3463 section 3.8"},
	{7, 2}:  {"sender may not write to this mailing list", "RFC 3463 section 3.8"},
	{7, 3}:  {"needed security conversion is not possible", "RFC 3463 section 3.8"},
	{7, 4}:  {"security feature not supported, such as the AUTH mechanism", "RFC 3463 section 3.8"},
	{7, 5}:  {"cryptography failed", "RFC 3463 section 3.8"},
	{7, 6}:  {"cryptographic algorithm not supported", "RFC 3463 section 3.8"},
	{7, 7}:  {"message was altered under way", "RFC 3463 section 3.8"},
	{7, 8}:  {"username, password or token not accepted", "RFC 4954 section 6"},
	{7, 9}:  {"mechanism too weak for this user", "RFC 4954 section 6"},
	{7, 10}: {"encryption needed", "RFC 5248 section 2.4"},
	{7, 11}: {"this mechanism is allowed only inside TLS", "RFC 4954 section 6"},
	{7, 12}: {"the password has to be changed over, by one login with PLAIN", "RFC 4954 section 6"},
	{7, 13}: {"account is disabled", "RFC 5248 section 2.4"},
	{7, 14}: {"the server needs a trust relationship with a third one", "RFC 5248 section 2.4"},
	{7, 15}: {"priority too low for now", "RFC 6710"},
	{7, 16}: {"message too big for its priority", "RFC 6710"},
	{7, 17}: {"the mailbox has another owner now", "RFC 7293"},
	{7, 18}: {"the domain has another owner now", "RFC 7293"},
	{7, 19}: {"ownership of the mailbox could not be checked", "RFC 7293"},
	{7, 20}: {"no DKIM signature that passes", "RFC 7372 section 3.1"},
	{7, 21}: {"no DKIM signature that is acceptable", "RFC 7372 section 3.1"},
	{7, 22}: {"no valid DKIM signature of the author's domain", "RFC 7372 section 3.1"},
	{7, 23}: {"SPF says that this host may not send for the domain", "RFC 7372 section 3.2"},
	{7, 24}: {"SPF could not be evaluated", "RFC 7372 section 3.2"},
	{7, 25}: {"the client's address has no matching reverse DNS", "RFC 7372 section 3.3"},
	{7, 26}: {"several checks of the sender failed (SPF, DKIM, DMARC)", "RFC 7372 section 3.4"},
	{7, 27}: {"the sender's domain says by a null MX that it takes no mail", "RFC 7505"},
	{7, 28}: {"too much mail at once from this sender", "IANA registry"},
	{7, 29}: {"the ARC chain is not valid", "RFC 8617"},
	{7, 30}: {"REQUIRETLS is not supported on the way to the recipient", "RFC 8689"},
}

// private are codes that no registry lists but large providers send.
var private = map[string]Meaning{
	"5.7.57":  {"the client must authenticate before it may send", "Microsoft Exchange"},
	"5.7.60":  {"the authenticated user may not send as this sender", "Microsoft Exchange"},
	"5.7.64":  {"relaying through this tenant is not allowed for the client", "Microsoft Exchange"},
	"5.7.124": {"sender is not in the group's list of allowed senders", "Microsoft Exchange"},
	"5.7.133": {"sender is not authenticated for this group", "Microsoft Exchange"},
	"5.7.134": {"sender is not authenticated for this mailbox", "Microsoft Exchange"},
	"5.7.136": {"sender is not authenticated", "Microsoft Exchange"},
	"5.7.139": {"login refused by the tenant: password logins are switched off, or a policy forbids it", "Microsoft Exchange"},
	"5.7.193": {"guests may not send to this group", "Microsoft Exchange"},
	"5.7.501": {"account blocked: it looks like spam is sent", "Microsoft Exchange"},
	"5.7.509": {"the message fails DMARC and the domain asks to reject", "Microsoft Exchange"},
	"5.7.511": {"the client's address is on Microsoft's block list", "Microsoft Exchange"},
	"5.7.515": {"the sender's domain does not meet the authentication rules for bulk senders", "Microsoft Outlook"},
	"5.7.606": {"the client's address is on Microsoft's block list", "Microsoft Exchange"},
	"5.7.705": {"the tenant sends too much and is stopped", "Microsoft Exchange"},
	"5.7.708": {"the client's address has no good name", "Microsoft Exchange"},
	"5.7.750": {"the tenant sends from a domain that it has not registered", "Microsoft Exchange"},
	"4.7.32":  {"the From domain is not aligned with SPF or DKIM; a later try may succeed", "Gmail"},
	"5.7.32":  {"the From domain is not aligned with SPF or DKIM", "Gmail"},
	"4.7.40":  {"the sender's domain has no DMARC record; a later try may succeed", "Gmail"},
	"5.7.40":  {"the sender's domain has no DMARC record", "Gmail"},
	"4.7.500": {"the server is busy and slows this client down; a later try may succeed", "Microsoft Exchange"},
	"4.7.650": {"the client's address is held back for its reputation; a later try may succeed", "Microsoft Exchange"},
}
