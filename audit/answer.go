package audit

import (
	"context"
	"slices"
	"time"

	"radagora/db"
	"radagora/fault"
)

// Verdicts on a case: whether it is in the numerator.
const (
	Yes = "yes"
	No  = "no"
	NA  = "na" // outside the denominator
)

// MaxHarm is the worst rank of harm: 0 none, 1 minor, 2 moderate, 3 major, 4 severe.
const MaxHarm = 4

// An Answer is what a person said of a case.
type Answer struct {
	Reader  string
	Verdict string
	Comment string
	At      time.Time
}

// Verdict is what counts for a case, "" while it is open: what was settled, else what all
// who answered said, else what the evidence says. Where every case is read twice, two
// people have to say the same.
func (c *Case) Verdict(double bool) string {
	switch {
	case c.Settled != "":
		return c.Settled
	case len(c.Answers) == 0 && double:
		return ""
	case len(c.Answers) == 0:
		return c.Automatic
	case double && len(c.Answers) < 2:
		return ""
	}
	for _, a := range c.Answers[1:] {
		if a.Verdict != c.Answers[0].Verdict {
			return ""
		}
	}
	return c.Answers[0].Verdict
}

// Disagree reports whether those who answered did not say the same.
func (c *Case) Disagree() bool {
	return c.Settled == "" && slices.ContainsFunc(c.Answers, func(a Answer) bool { return a.Verdict != c.Answers[0].Verdict })
}

// Failed reports whether a case speaks against the standard.
func (c *Case) Failed(def *Definition) bool {
	bad := No
	if def.Direction == Max {
		bad = Yes
	}
	return c.Verdict(def.Double) == bad
}

// Cases returns the sample with its answers. It holds what names examinations.
func (d *Desk) Cases(ctx context.Context, c *Cycle) ([]Case, error) { return d.cases(ctx, d.DB, c) }

func (*Desk) cases(ctx context.Context, q db.Querier, c *Cycle) ([]Case, error) {
	all, err := db.List(ctx, q, func(r *db.Rows) (x Case, err error) {
		return x, r.Scan(&x.Ordinal, &x.ID, &x.Room, &x.Day, &x.Object, &x.Automatic, &x.Settled, &x.SettledBy, &x.Reason, &x.Harm, &x.ClosedBy)
	}, `select ordinal, case_id, room, day, object, automatic, settled, settled_by, reason, harm, closed_by from audit_case where cycle_id = $1 order by ordinal`, c.ID)
	if err != nil {
		return nil, err
	}
	at := map[int]int{}
	for i := range all {
		at[all[i].Ordinal] = i
	}
	_, err = db.List(ctx, q, func(r *db.Rows) (struct{}, error) {
		var ordinal int
		var ms int64
		var a Answer
		err := r.Scan(&ordinal, &a.Reader, &a.Verdict, &a.Comment, &ms)
		a.At = db.FromMillis(ms)
		if i, ok := at[ordinal]; ok {
			all[i].Answers = append(all[i].Answers, a)
		}
		return struct{}{}, err
	}, `select ordinal, reader, verdict, comment, at from audit_answer where cycle_id = $1 order by ordinal, at, reader`, c.ID)
	return all, err
}

// verdict refuses what is none.
func verdict(s string) error {
	if s != Yes && s != No && s != NA {
		return fault.Errorf(fault.Invalid, "verdict: one of yes, no, na")
	}
	return nil
}

// one returns a case. NotFound: the sample has none of that ordinal.
func (d *Desk) one(ctx context.Context, tx *db.Tx, c *Cycle, ordinal int) (Case, error) {
	all, err := d.cases(ctx, tx, c)
	if err != nil {
		return Case{}, err
	}
	if ordinal < 1 || ordinal > len(all) {
		return Case{}, fault.Errorf(fault.NotFound, "the sample of audit %d has no case %d: it has %d", c.Number, ordinal, len(all))
	}
	return all[ordinal-1], nil
}

// Answer keeps what a person says of a case, in the place of what they said before.
// Nothing of it stands in the journal but who, which case and the verdict.
func (d *Desk) Answer(ctx context.Context, siteID, by string, number int64, ordinal int, said, comment string) (Cycle, error) {
	if err := verdict(said); err != nil {
		return Cycle{}, err
	}
	if err := text("comment", comment, maxText, false); err != nil {
		return Cycle{}, err
	}
	return d.step(ctx, siteID, by, number, "audit.case.answered", []string{Sampled, Collecting}, func(tx *db.Tx, c *Cycle) (map[string]any, error) {
		if _, err := d.one(ctx, tx, c, ordinal); err != nil {
			return nil, err
		}
		c.State = Collecting
		_, err := tx.Exec(ctx, `insert into audit_answer (cycle_id, ordinal, reader, verdict, comment, at) values ($1, $2, $3, $4, $5, $6)
			on conflict (cycle_id, ordinal, reader) do update set verdict = excluded.verdict, comment = excluded.comment, at = excluded.at`,
			c.ID, ordinal, by, said, comment, db.Millis(d.Now()))
		if err != nil {
			return nil, err
		}
		// Whatever was settled before rested on other answers.
		_, err = tx.Exec(ctx, `update audit_case set settled = '', settled_by = '' where cycle_id = $1 and ordinal = $2`, c.ID, ordinal)
		return map[string]any{"case": ordinal, "verdict": said}, err
	})
}

// Settle decides a case on which readers disagree. Conflict: they agree.
func (d *Desk) Settle(ctx context.Context, siteID, by string, number int64, ordinal int, said string) (Cycle, error) {
	if err := verdict(said); err != nil {
		return Cycle{}, err
	}
	return d.step(ctx, siteID, by, number, "audit.case.settled", []string{Collecting}, func(tx *db.Tx, c *Cycle) (map[string]any, error) {
		x, err := d.one(ctx, tx, c, ordinal)
		if err != nil {
			return nil, err
		}
		if !x.Disagree() {
			return nil, fault.Errorf(fault.Conflict, "nobody disagrees on case %d", ordinal)
		}
		_, err = tx.Exec(ctx, `update audit_case set settled = $1, settled_by = $2 where cycle_id = $3 and ordinal = $4`, said, by, c.ID, ordinal)
		return map[string]any{"case": ordinal, "verdict": said}, err
	})
}

// A Progress is how far collecting is.
type Progress struct {
	Cases, Open, Disagree int
	Readers               map[string]int // answers by account
	Agreement
}

// progress looks at cases.
func progress(all []Case, double bool) Progress {
	p := Progress{Cases: len(all), Readers: map[string]int{}}
	var pairs [][2]string
	for i := range all {
		x := &all[i]
		if x.Verdict(double) == "" {
			p.Open++
		}
		if x.Disagree() {
			p.Disagree++
		}
		for _, a := range x.Answers {
			p.Readers[a.Reader]++
		}
		if len(x.Answers) >= 2 {
			pairs = append(pairs, pair(x.Answers))
		}
	}
	p.Agreement = Agree(pairs)
	return p
}

// pair are the answers of the first two people of a case, in the order of their accounts:
// who came first says nothing about who is first.
func pair(all []Answer) [2]string {
	a, b := all[0], all[1]
	if a.Reader > b.Reader {
		a, b = b, a
	}
	return [2]string{a.Verdict, b.Verdict}
}

// Progress tells how far collecting is. It names no case.
func (d *Desk) Progress(ctx context.Context, c *Cycle) (Progress, error) {
	all, err := d.Cases(ctx, c)
	return progress(all, c.Definition != nil && c.Definition.Double), err
}

// Analyse counts and decides. Conflict: cases are open, or readers disagree.
func (d *Desk) Analyse(ctx context.Context, siteID, by string, number int64) (Cycle, error) {
	s, err := d.Settings(siteID)
	if err != nil {
		return Cycle{}, err
	}
	return d.step(ctx, siteID, by, number, "audit.cycle.analysed", []string{Sampled, Collecting}, func(tx *db.Tx, c *Cycle) (map[string]any, error) {
		all, err := d.cases(ctx, tx, c)
		if err != nil {
			return nil, err
		}
		def := c.Definition
		p := progress(all, def.Double)
		if p.Open > 0 {
			return nil, fault.Errorf(fault.Conflict, "%d of %d cases have no verdict yet, of them %d on which readers disagree: answer or settle them", p.Open, p.Cases, p.Disagree)
		}
		r := Result{Count: Count{Census: def.Method == Census, Direction: def.Direction, Target: def.Target, Required: def.Template.SampleN}, Agreement: p.Agreement, At: d.Now(), By: by}
		if def.Template.SampleN == 0 {
			r.Required = def.N
		}
		for i := range all {
			r.add(&all[i], def.Double)
		}
		r.Decision = s.Decide(r.Count)
		c.State, c.Result = Analysed, &r
		return map[string]any{"yes": r.Yes, "no": r.No, "na": r.NA, "decision": r.Decision.Decision}, nil
	})
}

// add counts a case.
func (r *Result) add(x *Case, double bool) {
	v := x.Verdict(double)
	switch v {
	case Yes:
		r.Yes++
	case No:
		r.No++
	default:
		r.NA++
	}
	if x.Automatic != "" && x.Automatic != v {
		r.Corrected++
	}
}

// Explain says why a failed case failed and how much harm came of it, 0 to MaxHarm: that
// closes it. Conflict: it did not fail.
func (d *Desk) Explain(ctx context.Context, siteID, by string, number int64, ordinal int, why string, harm int) (Cycle, error) {
	if err := text("reason", why, maxText, true); err != nil {
		return Cycle{}, err
	}
	if harm < 0 || harm > MaxHarm {
		return Cycle{}, fault.Errorf(fault.Invalid, "harm: 0 none, 1 minor, 2 moderate, 3 major, 4 severe")
	}
	return d.step(ctx, siteID, by, number, "audit.case.explained", []string{Analysed, Reported, Acting}, func(tx *db.Tx, c *Cycle) (map[string]any, error) {
		x, err := d.one(ctx, tx, c, ordinal)
		if err != nil {
			return nil, err
		}
		if !x.Failed(c.Definition) {
			return nil, fault.Errorf(fault.Conflict, "case %d did not fail", ordinal)
		}
		_, err = tx.Exec(ctx, `update audit_case set reason = $1, harm = $2, closed_by = $3 where cycle_id = $4 and ordinal = $5`, why, harm, by, c.ID, ordinal)
		return map[string]any{"case": ordinal, "harm": harm}, err
	})
}
