package findings

import "strings"

// A provider is a mail service whose ways are known.
type provider string

const (
	gmail      provider = "Gmail"
	microsoft  provider = "Microsoft 365"
	outlook    provider = "Outlook.com"
	yahoo      provider = "Yahoo"
	yandex     provider = "Yandex"
	ses        provider = "Amazon SES"
	sendgrid   provider = "SendGrid"
	mailgun    provider = "Mailgun"
	mailjet    provider = "Mailjet"
	brevo      provider = "Brevo"
	postmark   provider = "Postmark"
	sparkpost  provider = "SparkPost"
	mailtrap   provider = "Mailtrap"
	zoho       provider = "Zoho"
	ovh        provider = "OVH"
	ionos      provider = "IONOS"
	qq         provider = "QQ Mail"
	exmail     provider = "Tencent Exmail"
	netease    provider = "NetEase (163, 126)"
	sina       provider = "Sina"
	aliyun     provider = "Aliyun"
	icloud     provider = "iCloud"
	gmx        provider = "GMX"
	proton     provider = "Proton Mail"
	fastmail   provider = "Fastmail"
	mailru     provider = "Mail.ru"
	secureserv provider = "GoDaddy"
)

// A providerMark is a part of a name or banner that tells a provider.
type providerMark struct {
	part string
	name provider
}

// providerMarks are looked for in host names, banners, first lines of EHLO
// replies and links in replies. The first that is found decides.
var providerMarks = []providerMark{
	{"exmail.qq.com", exmail}, {"qq.com", qq}, {"newxmesmtplogicsvr", qq}, {"qq mail server", qq},
	{"163.com", netease}, {"126.com", netease}, {"yeah.net", netease}, {"netease", netease}, {"coremail system (1", netease},
	{"sina.com", sina}, {"sina.cn", sina}, {"sinaesmtp", sina},
	{"aliyun", aliyun}, {"mxhichina", aliyun}, {"alimail", aliyun}, {"hichina.com", aliyun},
	{"gsmtp", gmail}, {"gmail.com", gmail}, {"google.com", gmail}, {"googlemail.com", gmail},
	{"smtp-mail.outlook.com", outlook}, {"smtp.live.com", outlook}, {"smtp.hotmail.com", outlook},
	{"office365.com", microsoft}, {"outlook.com", microsoft}, {"outlook.cn", microsoft}, {"smtp_auth_disabled", microsoft},
	{"yahoo.", yahoo}, {"yahoodns", yahoo}, {"aol.com", yahoo}, {"yandex", yandex},
	{"amazonaws.com", ses}, {"amazonses", ses}, {"simpleemailservice", ses},
	{"sendgrid", sendgrid}, {"sg esmtp service ready", sendgrid},
	{"mailgun", mailgun}, {"mailjet", mailjet}, {"sendinblue", brevo}, {"brevo", brevo}, {"postmarkapp", postmark},
	{"sparkpost", sparkpost}, {"mailtrap", mailtrap}, {"zoho", zoho},
	{"ovh.net", ovh}, {"ovh.ca", ovh}, {"mail.ovh", ovh}, {"ionos.", ionos}, {"kundenserver", ionos}, {"1and1", ionos}, {"mail.me.com", icloud}, {"icloud", icloud},
	{"gmx.", gmx}, {"web.de", gmx}, {"nemesis esmtp", gmx}, {"proton.me", proton}, {"protonmail", proton},
	{"messagingengine", fastmail}, {"fastmail", fastmail}, {"smtp.mail.ru", mailru}, {"mail.ru esmtp", mailru}, {"secureserver.net", secureserv},
}

// findProvider finds the provider in what names a server; "" for none.
func findProvider(text string) provider {
	text = strings.ToLower(text)
	for _, m := range providerMarks {
		if strings.Contains(text, m.part) {
			return m.name
		}
	}
	return ""
}

// isAt reports whether the session is with that provider's server.
func (s *session) isAt(p provider) bool {
	return s.provider == p || p == microsoft && s.provider == outlook || p == outlook && s.provider == microsoft
}

// at makes isAt a condition on any of several providers.
func at(any ...provider) func(*session, *reply) bool {
	return func(s *session, _ *reply) bool {
		for _, p := range any {
			if s.isAt(p) {
				return true
			}
		}
		return false
	}
}

// greetingProvider finds out whose server it is: by what it says of itself, by
// where the session went, and last by what its refusals link to.
func (s *session) greetingProvider() provider {
	for r := range s.to(toGreeting) {
		if p := findProvider(r.text()); p != "" {
			return p
		}
	}
	if s.wanted != "" && redirected(s) == nil {
		return s.wanted
	}
	for r := range s.to("EHLO", "HELO") {
		// Further lines may name the client, or what it runs on.
		if lines := r.event.Reply.Lines; r.positive() && len(lines) > 0 {
			name, _, _ := strings.Cut(lines[0].Text, " ")
			if p := findProvider(name); p != "" {
				return p
			}
		}
	}
	return s.refusalProvider()
}

// refusalProvider finds the provider in links and marks of replies. Addresses
// in them belong to senders and recipients, and count for nothing.
func (s *session) refusalProvider() provider {
	looked := 0
	for i := range s.replies {
		r := &s.replies[i]
		if r.positive() && r.verb != toMessage {
			continue
		}
		if p := findProvider(withoutAddresses(r.folded())); p != "" {
			return p
		}
		if looked++; looked > mostExplained {
			break
		}
	}
	for _, said := range s.says {
		if p := findProvider(withoutAddresses(said.folded)); p != "" {
			return p
		}
	}
	return ""
}

func withoutAddresses(text string) string {
	if !strings.Contains(text, "@") {
		return text
	}
	words := strings.Fields(text)
	kept := words[:0]
	for _, w := range words {
		if !strings.Contains(w, "@") {
			kept = append(kept, w)
		}
	}
	return strings.Join(kept, " ")
}

// wantedProvider is whose server the client meant to reach.
func (s *session) wantedProvider() provider {
	for _, d := range s.dials {
		if p := findProvider(d.fact.Host); p != "" {
			return p
		}
	}
	for _, name := range []string{"host", "smtp_host", "mail_host", "server"} {
		if p := findProvider(s.settings[name]); p != "" {
			return p
		}
	}
	return findProvider(s.t.Target)
}

// publicDomains are domains whose addresses belong to people, and which
// nobody's own server may send for.
var publicDomains = map[string]bool{
	"gmail.com": true, "googlemail.com": true, "yahoo.com": true, "yahoo.co.uk": true, "yahoo.fr": true, "yahoo.de": true,
	"ymail.com": true, "aol.com": true, "outlook.com": true, "outlook.fr": true, "hotmail.com": true, "hotmail.fr": true,
	"hotmail.co.uk": true, "live.com": true, "msn.com": true, "icloud.com": true, "me.com": true, "mac.com": true,
	"gmx.net": true, "gmx.de": true, "gmx.com": true, "web.de": true, "t-online.de": true, "yandex.ru": true, "yandex.com": true,
	"mail.ru": true, "bk.ru": true, "qq.com": true, "foxmail.com": true, "163.com": true, "126.com": true, "sina.com": true,
	"protonmail.com": true, "proton.me": true, "orange.fr": true, "free.fr": true, "laposte.net": true, "libero.it": true,
	"comcast.net": true, "verizon.net": true, "att.net": true,
}
