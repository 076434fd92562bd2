package export

import (
	"smtptap/decode/findings"
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

func decisionOf(d outcome.Decision) decision { return decision{d.By.String(), d.Code, d.Text} }

func transactionsOf(r findings.Report) []transaction {
	all := []transaction{}
	for i := range r.Outcome.Transactions {
		t := &r.Outcome.Transactions[i]
		x := transaction{
			Sender: t.Sender, Recipients: []recipient{}, Outcome: string(t.Outcome), MadeGood: t.MadeGood,
			QueueID: t.QueueID(), decision: decisionOf(t.Decided),
		}
		if t.Mail >= 0 {
			x.Line = &t.Mail
		}
		for _, to := range t.Recipients {
			x.Recipients = append(x.Recipients, recipient{to.Path, to.Answer.String(), to.Sent, to.MadeGood, decisionOf(to.Decided)})
		}
		all = append(all, x)
	}
	return all
}
