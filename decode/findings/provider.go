package findings

import "strings"

// A provider is a mail service whose ways are known.
type provider string

const (
	gmail     provider = "Gmail"
	microsoft provider = "Microsoft 365"
	yahoo     provider = "Yahoo"
	yandex    provider = "Yandex"
	ses       provider = "Amazon SES"
	sendgrid  provider = "SendGrid"
	mailgun   provider = "Mailgun"
	zoho      provider = "Zoho"
	ovh       provider = "OVH"
	qq        provider = "QQ"
	exmail    provider = "Tencent Exmail"
	netease   provider = "NetEase (163, 126)"
	sina      provider = "Sina"
	aliyun    provider = "Aliyun"
	icloud    provider = "iCloud"
	gmx       provider = "GMX"
	proton    provider = "Proton"
	brevo     provider = "Brevo"
	fastmail  provider = "Fastmail"
)

// providerNames are parts of the host names by which a provider's servers greet
// or are reached. The first that is found decides.
var providerNames = []struct {
	part string
	name provider
}{
	{"exmail.qq.com", exmail}, {"qq.com", qq}, {"newxmesmtplogicsvr", qq}, {"esmtp.qq", qq},
	{"163.com", netease}, {"126.com", netease}, {"yeah.net", netease}, {"netease", netease}, {"coremail", netease},
	{"sina.", sina}, {"aliyun", aliyun}, {"mxhichina", aliyun}, {"dm.aliyun", aliyun}, {"directmail", aliyun},
	{"gsmtp", gmail}, {"gmail.com", gmail}, {"google.com", gmail}, {"googlemail", gmail},
	{"office365.com", microsoft}, {"outlook.com", microsoft}, {"hotmail", microsoft}, {"live.com", microsoft}, {"protection.outlook", microsoft}, {"microsoft esmtp", microsoft},
	{"yahoo", yahoo}, {"aol.com", yahoo}, {"yandex", yandex},
	{"amazonaws.com", ses}, {"amazonses", ses}, {"simpleemailservice", ses},
	{"sendgrid", sendgrid}, {"mailgun", mailgun}, {"zoho", zoho}, {"ovh.", ovh}, {"mail.me.com", icloud}, {"icloud", icloud},
	{"gmx.", gmx}, {"web.de", gmx}, {"protonmail", proton}, {"sendinblue", brevo}, {"brevo", brevo}, {"messagingengine", fastmail},
}

// findProvider finds the provider in what names a server.
func findProvider(texts ...string) provider {
	for _, text := range texts {
		text = strings.ToLower(text)
		for _, p := range providerNames {
			if strings.Contains(text, p.part) {
				return p.name
			}
		}
	}
	return ""
}

// consumerDomains are domains whose addresses belong to people, and which no
// other server may send for.
var consumerDomains = map[string]bool{
	"gmail.com": true, "googlemail.com": true, "yahoo.com": true, "ymail.com": true, "aol.com": true, "outlook.com": true,
	"hotmail.com": true, "live.com": true, "msn.com": true, "icloud.com": true, "me.com": true, "gmx.net": true, "gmx.de": true,
	"web.de": true, "yandex.ru": true, "mail.ru": true, "qq.com": true, "163.com": true, "126.com": true, "sina.com": true,
	"protonmail.com": true, "proton.me": true, "orange.fr": true, "free.fr": true, "libero.it": true, "comcast.net": true,
}
