package logs

import ()

// CodeIgniter's print_debugger(): the replies only, each behind the name of the
// step that it answers.

var (
	codeIgniterMarks = []mark{
		m(8, `^(?:hello|starttls|from|to|data|quit|reset): \d{3}[ -]`),
		m(8, `^Failed to (?:send AUTH LOGIN command|authenticate (?:username|password))\. Error: `),
		m(6, `The following SMTP error was encountered: |Unable to send email using PHP SMTP`),
		m(1, `^\d{3}[ -]\S`),
	}
	codeIgniterNeeds = compile(`^(?:hello|from|to|data): \d{3}[ -]|^Failed to (?:send AUTH|authenticate)|The following SMTP error was encountered`)
	codeIgniterJoint = jointOf(`(?:^|[\s\r])((?:hello|starttls|from|to|data|quit|reset): \d{3}[ -]|Failed to (?:send AUTH|authenticate))`)
)
