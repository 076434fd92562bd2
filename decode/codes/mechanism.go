package codes

// Mechanism returns what a SASL mechanism of AUTH does with the password. name
// is upper case.
func Mechanism(name string) (Meaning, bool) {
	m, ok := mechanisms[name]
	return m, ok
}

var mechanisms = map[string]Meaning{
	"ANONYMOUS":          {"no login, only a trace for the log", "RFC 4505"},
	"CRAM-MD5":           {"the password itself is not sent, but a digest of it and of the server's challenge", "RFC 2195"},
	"DIGEST-MD5":         {"the password itself is not sent, but a digest (withdrawn as weak)", "RFC 6331"},
	"EXTERNAL":           {"the identity comes from outside SMTP, such as a TLS client certificate", "RFC 4422 appendix A"},
	"GS2-KRB5":           {"a Kerberos ticket", "RFC 5801"},
	"GSS-SPNEGO":         {"Kerberos or NTLM, as Windows agrees them", "Microsoft"},
	"GSSAPI":             {"a Kerberos ticket", "RFC 4752"},
	"KERBEROS_V4":        {"a Kerberos 4 ticket", "RFC 2222, obsolete"},
	"LOGIN":              {"username, then password, base64-encoded (not encrypted)", "not in any RFC"},
	"NTLM":               {"challenge and response of Windows domains, which can be guessed offline", "Microsoft MS-SMTPNTLM"},
	"OAUTHBEARER":        {"an OAuth access token in place of a password", "RFC 7628"},
	"OTP":                {"a one-time password", "RFC 2444"},
	"PLAIN":              {"username and password in one line, base64-encoded (not encrypted)", "RFC 4616"},
	"SCRAM-SHA-1":        {"proves the password without sending it, and the server proves that it knows it", "RFC 5802"},
	"SCRAM-SHA-1-PLUS":   {"as SCRAM-SHA-1, and bound to this TLS connection: interception breaks it", "RFC 5802"},
	"SCRAM-SHA-256":      {"proves the password without sending it, and the server proves that it knows it", "RFC 7677"},
	"SCRAM-SHA-256-PLUS": {"as SCRAM-SHA-256, and bound to this TLS connection: interception breaks it", "RFC 7677"},
	"SCRAM-SHA-512":      {"proves the password without sending it, and the server proves that it knows it", "RFC 5802 with SHA-512"},
	"SCRAM-SHA-512-PLUS": {"as SCRAM-SHA-512, and bound to this TLS connection: interception breaks it", "RFC 5802 with SHA-512"},
	"SECURID":            {"the number of a SecurID token", "RFC 2808"},
	"SKEY":               {"a one-time password", "RFC 2222, obsolete"},
	"XOAUTH":             {"an OAuth 1 token, older than XOAUTH2", "Google, obsolete"},
	"XOAUTH2":            {"an OAuth access token in place of a password", "Google, Microsoft"},
}
