package export

import (
	"smtptap/decode/findings"
	"smtptap/decode/lang"
	"smtptap/decode/outcome"
)

// A transaction is one MAIL with what became of it.
type transaction struct {
	Line       *int        `json:"line,omitempty"` // of the MAIL command
	Sender     string      `json:"sender"`
	Recipients []recipient `json:"recipients"`
	Outcome    string      `json:"outcome"`
	MadeGood   bool        `json:"madeGood,omitempty"` // a later transaction sent it
	QueueID    string      `json:"queueId,omitempty"`
	decision
}

type recipient struct {
	Address  string `json:"address"`
	Answer   string `json:"answer"`
	Sent     bool   `json:"sent"`
	MadeGood bool   `json:"madeGood,omitempty"`
	decision
}

// A decision is what decided, and who.
type decision struct {
	By   string `json:"by,omitempty"`
	Code int    `json:"code,omitempty"`
	Text string `json:"text,omitempty"`
}

func decisionOf(d outcome.Decision, l lang.Lang) decision {
	return decision{d.By.String(), d.Code, d.Text.In(l)}
}

func transactionsOf(r findings.Report, l lang.Lang) []transaction {
	all := []transaction{}
	for i := range r.Outcome.Transactions {
		t := &r.Outcome.Transactions[i]
		x := transaction{
			Sender: t.Sender, Recipients: []recipient{}, Outcome: string(t.Outcome), MadeGood: t.MadeGood,
			QueueID: t.QueueID(), decision: decisionOf(t.Decided, l),
		}
		if t.Mail >= 0 {
			x.Line = &t.Mail
		}
		for _, to := range t.Recipients {
			x.Recipients = append(x.Recipients, recipient{to.Path, to.Answer.String(), to.Sent, to.MadeGood, decisionOf(to.Decided, l)})
		}
		all = append(all, x)
	}
	return all
}
