package privacy

import (
	"context"
	"slices"
	"strings"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

// A Move is what somebody does with a request. Which fields it needs depends on Do.
type Move struct {
	Do     string // verify, take, assign, extend, answer, refuse, withdraw, done, undone
	How    string // verify: one of Proofs
	Person string // verify: whom it is about, as the archive names them; "" if we hold nothing
	Owner  string // assign: account
	Text   string // extend and refuse: the reasons; answer: what was answered
	Where  string // refuse: the way to complain
	Step   string // done, undone
}

// moves says which moves a state allows and where they lead.
var moves = map[State]map[string]State{
	Received: {"verify": Verified, "assign": Received, "extend": Received, "refuse": Refused, "withdraw": Withdrawn, "done": Received, "undone": Received},
	Verified: {"take": InWork, "assign": Verified, "extend": Verified, "refuse": Refused, "withdraw": Withdrawn, "done": Verified, "undone": Verified},
	InWork:   {"assign": InWork, "extend": InWork, "answer": Answered, "refuse": Refused, "withdraw": Withdrawn, "done": InWork, "undone": InWork},
}

// verbs are the last words of the kinds of journal entries.
var verbs = map[string]string{
	"verify": "verified", "take": "taken", "assign": "assigned", "extend": "extended", "answer": "answered",
	"refuse": "refused", "withdraw": "withdrawn", "done": "step-done", "undone": "step-undone",
}

// Moves returns what one may do with a request in a state, sorted.
func Moves(s State) []string {
	var all []string
	for do := range moves[s] {
		all = append(all, do)
	}
	slices.Sort(all)
	return all
}

// Move does something with a request. Conflict: its state does not allow it. Invalid:
// something is missing, or an extension comes after the time in which the person has
// to be told of it.
func (d *Desk) Move(ctx context.Context, siteID, id string, m Move) error {
	if err := access.Check(ctx, access.RequestHandle, access.Subject{Site: siteID}); err != nil {
		return err
	}
	q, err := d.request(ctx, siteID, id)
	if err != nil {
		return err
	}
	to, ok := moves[q.State][m.Do]
	if !ok {
		return fault.Errorf(fault.Conflict, "a request that is %s cannot be changed by %.20q", q.State, m.Do)
	}
	today, err := d.today(ctx, siteID)
	if err != nil {
		return err
	}
	if err := m.check(q, today); err != nil {
		return err
	}
	return d.DB.Write(ctx, func(tx *db.Tx) error { return d.move(ctx, tx, q, m, to, today) })
}

// check refuses a move that lacks something.
func (m Move) check(q Request, today string) error {
	for what, text := range map[string]string{"text": m.Text, "way to complain": m.Where} {
		if err := short("request: "+what, text, 20000); err != nil {
			return err
		}
	}
	reasons := len(strings.TrimSpace(m.Text)) >= 10
	switch {
	case m.Do == "verify" && !slices.Contains(Proofs(), m.How):
		return fault.Errorf(fault.Invalid, "request: who asks was found out by one of %s", strings.Join(Proofs(), ", "))
	case m.Do == "assign" && m.Owner == "":
		return fault.Errorf(fault.Invalid, "request: whose is it")
	case m.Do == "extend" && q.ExtendedOn != "":
		return fault.Errorf(fault.Conflict, "request: it was extended on %s; there is one extension", q.ExtendedOn)
	case m.Do == "extend" && today > q.Limit.Notice:
		return fault.Errorf(fault.Invalid, "request: an extension had to be told by %s", q.Limit.Notice)
	case (m.Do == "extend" || m.Do == "refuse") && !reasons:
		return fault.Errorf(fault.Invalid, "request: it needs reasons of at least 10 letters; the person reads them")
	case m.Do == "refuse" && strings.TrimSpace(m.Where) == "":
		return fault.Errorf(fault.Invalid, "request: a refusal names the way to complain")
	case m.Do == "answer" && !reasons:
		return fault.Errorf(fault.Invalid, "request: note what was answered, and how")
	case (m.Do == "done" || m.Do == "undone") && !slices.ContainsFunc(q.Kind.Steps, func(s Step) bool { return s.ID == m.Step }):
		return fault.Errorf(fault.Invalid, "request: there is no step %.40q", m.Step)
	}
	return nil
}

// move changes a request and tells the journal, as part of tx.
func (d *Desk) move(ctx context.Context, tx *db.Tx, q Request, m Move, to State, today string) error {
	by, data, t := access.From(ctx).ID, map[string]any{"state": string(to)}, Texts{Text: m.Text, Where: m.Where}
	was := q
	switch m.Do {
	case "verify":
		q.VerifiedHow, data["how"] = m.How, m.How
		if m.Person != "" {
			q.Person, t.Person = d.Pseudonym(q.Site, m.Person), m.Person
			data["pseudonym"] = q.Person
		}
	case "take":
		q.Owner, data["owner"] = by, by
	case "assign":
		q.Owner, data["owner"] = m.Owner, m.Owner
	case "extend":
		q.ExtendedOn, data["until"] = today, q.Limit.Extended
	case "answer", "refuse", "withdraw":
		q.ClosedOn, data["late"] = today, yes(today > q.Due())
	case "done", "undone":
		data["step"] = m.Step
		if err := d.step(ctx, tx, q, m, by); err != nil {
			return err
		}
	}
	n, err := tx.Exec(ctx, `update privacy_request set state = $2, person = $3, verified_how = $4, owner = $5, extended_on = $6, closed_on = $7
		where request_id = $1 and state = $8 and entries = $9`,
		q.ID, string(to), q.Person, q.VerifiedHow, q.Owner, q.ExtendedOn, q.ClosedOn, string(was.State), was.entries)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.Errorf(fault.Conflict, "request %s was changed meanwhile: read it again", q.ID)
	}
	return d.tell(ctx, tx, q.Site, q.ID, verbs[m.Do], data, t)
}

// step marks a step done, or not done after all.
func (d *Desk) step(ctx context.Context, tx *db.Tx, q Request, m Move, by string) error {
	if m.Do == "undone" {
		_, err := tx.Exec(ctx, `delete from privacy_request_step where request_id = $1 and step = $2`, q.ID, m.Step)
		return err
	}
	_, err := tx.Exec(ctx, `insert into privacy_request_step (request_id, site_id, step, done_by, done_at) values ($1, $2, $3, $4, $5)
		on conflict (request_id, step) do nothing`, q.ID, q.Site, m.Step, by, db.Millis(d.Now()))
	return err
}

// ForgetTexts destroys the texts of requests of a site that were closed longer ago
// than the clock request.keep says, and returns of how many. It is for a job.
func (d *Desk) ForgetTexts(ctx context.Context, siteID string) (int, error) {
	clocks, err := d.Clocks(siteID)
	if err != nil {
		return 0, err
	}
	today, err := d.today(ctx, siteID)
	if err != nil {
		return 0, err
	}
	before, err := addMonths(today, -12*clocks[clockKeep].Amount)
	if err != nil {
		return 0, err
	}
	old, err := d.requests(ctx, siteID, `where site_id = $1 and closed_on <> '' and closed_on < $2 and erased_at = 0`, siteID, before)
	if err != nil || len(old) == 0 {
		return 0, err
	}
	return len(old), d.DB.Write(ctx, func(tx *db.Tx) error { return d.forgetTexts(ctx, tx, old) })
}

// forgetTexts destroys the texts of requests.
func (d *Desk) forgetTexts(ctx context.Context, tx *db.Tx, all []Request) error {
	for _, q := range all {
		by := d.entry(ctx, q.Site, "privacy.request.forgotten", q.ID, map[string]any{})
		if err := d.Journal.Erase(ctx, tx, textKey(q.ID), by); err != nil && fault.Of(err) != fault.NotFound {
			return err
		}
		if _, err := tx.Exec(ctx, `update privacy_request set erased_at = $2 where request_id = $1`, q.ID, db.Millis(d.Now())); err != nil {
			return err
		}
	}
	return nil
}
