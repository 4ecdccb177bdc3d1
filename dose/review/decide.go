package review

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/finding"
	"radagora/journal"
)

// A Decision is what somebody decides about a case. Nil fields stay as they are.
type Decision struct {
	Number       int64
	Version      int64 // of the case as it was read: of Whole.Finding
	State        *State
	Owner        *string
	Due          *string
	Form         *Form
	Reason       Reason // of closing
	Words        string // why, in words: kept in the history, and offered again
	Intervention *string
	Action       *finding.Action // added if it has no id
}

// The longest words of a reason, in bytes.
const wordsLimit = 500

// stateOf is what a state of a case is to whoever looks at findings.
var stateOf = map[State]finding.State{
	Open: finding.StateOpen, Assigned: finding.StateInWork, UnderReview: finding.StateInWork, ActionPlanned: finding.StateInWork,
	Remeasure: finding.StateMeasuredAgain, Closed: finding.StateClosed,
}

// Decide writes a decision of whoever asks (access.From). It is Forbidden, NotFound or
// Conflict as finding.Decide is, and Invalid for what cannot be: closing without
// result or reason, a substantial dose without appointment, letter and result, a
// reportable event without authority and deadline.
func (d *Desk) Decide(ctx context.Context, siteID string, c Decision) error {
	return d.DB.Write(ctx, func(tx *db.Tx) error { return d.decide(ctx, tx, siteID, c, "") })
}

// decide is Decide as part of tx, and of a batch.
func (d *Desk) decide(ctx context.Context, tx *db.Tx, siteID string, c Decision, batch string) error {
	before, err := one(ctx, tx, siteID, c.Number)
	if err != nil {
		return err
	}
	after := before
	if err := c.apply(&after); err != nil {
		return err
	}
	check, err := readCheck(ctx, tx, before.ID)
	if err != nil {
		return err
	}
	if err := after.fits(c, check); err != nil {
		return err
	}
	now := db.Millis(d.Now())
	if after.ReviewedAt == 0 {
		after.ReviewedAt = now
	}
	switch {
	case after.State == Closed && before.State != Closed:
		after.Before, after.ClosedAt, after.ClosedBy, after.Batch = before.State, now, access.From(ctx).ID, batch
	case after.State != Closed:
		after.Reason, after.Words, after.ClosedAt, after.ClosedBy, after.Batch = "", "", 0, "", ""
	}
	if after.State == Closed || c.State != nil {
		after.SnoozedTo, after.SnoozedWhy = "", ""
	}
	if err := d.note(ctx, tx, after, c); err != nil {
		return err
	}
	if c.Action != nil {
		a := *c.Action
		a.Finding = before.ID
		if _, err := d.Findings.ActIn(ctx, tx, a); err != nil {
			return err
		}
	}
	return write(ctx, tx, after)
}

// note writes what was decided to the finding that the case is: its owner, state and
// history.
func (d *Desk) note(ctx context.Context, tx *db.Tx, after Case, c Decision) error {
	state := stateOf[after.State]
	step := "review." + string(after.State)
	if after.State == Closed {
		step = "review." + string(after.Reason)
	}
	words := c.Words
	if after.State == Closed && strings.TrimSpace(words) == "" {
		words = string(after.Reason) // closing a finding needs a note
	}
	_, err := d.Findings.DecideIn(ctx, tx, finding.Decision{
		ID: after.ID, Version: c.Version, Owner: &after.Owner, State: &state, Due: &after.Due, Note: words, Step: step,
	})
	return err
}

// apply changes a case as decided.
func (c Decision) apply(to *Case) error {
	if c.Form != nil {
		to.Form = *c.Form
	}
	if c.Owner != nil {
		to.Owner = *c.Owner
		if to.State == Open && to.Owner != "" && c.State == nil {
			to.State = Assigned
		}
	}
	if c.Due != nil {
		to.Due = *c.Due
	}
	if c.Intervention != nil {
		to.Intervention = *c.Intervention
	}
	if c.Action != nil && c.State == nil && to.State != Closed {
		to.State = ActionPlanned
	}
	if c.State != nil {
		to.State = *c.State
	}
	if to.State == Closed && c.Reason != "" {
		to.Reason, to.Words = c.Reason, strings.TrimSpace(c.Words)
	}
	return nil
}

// fits refuses a case that cannot be so.
func (to Case) fits(c Decision, check Check) error {
	f := to.Form
	switch {
	case !slices.Contains(States(), to.State):
		return fault.Errorf(fault.Invalid, "case %d: no state %.20q", to.Number, to.State)
	case len(c.Words) > wordsLimit || len(f.Authority) > wordsLimit:
		return fault.Errorf(fault.Invalid, "case %d: at most %d bytes of words", to.Number, wordsLimit)
	case f.Cause != "" && !slices.Contains(Causes(), f.Cause):
		return fault.Errorf(fault.Invalid, "case %d: no such cause", to.Number)
	case !answer(f.Justified) || !answer(f.Informed) || !answer(f.Reportable) || !answer(to.Intervention):
		return fault.Errorf(fault.Invalid, "case %d: answer with yes or no", to.Number)
	case f.Reportable == "yes" && (f.Authority == "" || !validDay(f.Deadline)):
		return fault.Errorf(fault.Invalid, "case %d: a reportable event needs its authority and its deadline", to.Number)
	case to.State != Closed:
		return nil
	case !slices.Contains(Reasons(), to.Reason):
		return fault.Errorf(fault.Invalid, "case %d: say why it is closed", to.Number)
	case (to.Reason == NoResult || to.Reason == WithResult) && to.Words == "":
		return fault.Errorf(fault.Invalid, "case %d: write the result, or why there is none", to.Number)
	case to.Substantial && to.Reason != DataError && to.Reason != NotPatient && !check.Complete():
		return fault.Errorf(fault.Invalid, "case %d: a substantial dose closes with a skin-check appointment, the patient's letter and the result", to.Number)
	}
	return nil
}

// answer reports whether s answers a question, or leaves it open.
func answer(s string) bool { return s == "" || s == "yes" || s == "no" }

// validDay reports whether s is a day.
func validDay(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// one reads a case as part of tx.
func one(ctx context.Context, tx *db.Tx, siteID string, number int64) (Case, error) {
	all, err := db.List(ctx, tx, scanCase, selectCase+` where site_id = $1 and number = $2`, siteID, number)
	if err != nil {
		return Case{}, err
	}
	if len(all) == 0 {
		return Case{}, fault.Errorf(fault.NotFound, "no case %d", number)
	}
	return all[0], nil
}

// write keeps the human part of a case.
func write(ctx context.Context, tx *db.Tx, c Case) error {
	form, err := json.Marshal(c.Form)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	_, err = tx.Exec(ctx, `update review_case set state = $1, before_state = $2, reason = $3, words = $4, owner = $5, due = $6, intervention = $7,
		form = $8, batch_id = $9, snoozed_to = $10, snoozed_why = $11, reviewed_at = $12, closed_at = $13, closed_by = $14 where case_id = $15`,
		string(c.State), string(c.Before), string(c.Reason), c.Words, c.Owner, c.Due, c.Intervention,
		string(form), c.Batch, c.SnoozedTo, c.SnoozedWhy, c.ReviewedAt, c.ClosedAt, c.ClosedBy, c.ID)
	return err
}

// Snooze puts a case off to a day, on behalf of whoever asks. It comes back then. It is
// Invalid without a word why, for a day that is not to come, and for a case of law or
// substantial dose.
func (d *Desk) Snooze(ctx context.Context, siteID string, number int64, day, why string) error {
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		c, err := one(ctx, tx, siteID, number)
		if err != nil {
			return err
		}
		if err := access.Check(ctx, access.FindingDecide, access.Subject{Site: siteID}); err != nil {
			return err
		}
		switch why = strings.TrimSpace(why); {
		case c.State == Closed || c.Legal || c.Substantial:
			return fault.Errorf(fault.Invalid, "case %d cannot be put off: it is closed, of law, or of a substantial dose", number)
		case !validDay(day) || day <= d.Now().Format(time.DateOnly):
			return fault.Errorf(fault.Invalid, "case %d: put it off to a day to come, as 2026-01-31", number)
		case why == "" || len(why) > wordsLimit:
			return fault.Errorf(fault.Invalid, "case %d: say in a word why it is put off", number)
		case c.SnoozedTo != "":
			return fault.Errorf(fault.Invalid, "case %d was put off before, and comes back once", number)
		}
		c.SnoozedTo, c.SnoozedWhy = day, why
		if err := write(ctx, tx, c); err != nil {
			return err
		}
		return d.record(ctx, tx, siteID, "dose.case.snoozed", c.ID, map[string]any{"number": number, "to": day})
	})
}

// record writes to the journal what somebody decided.
func (d *Desk) record(ctx context.Context, tx *db.Tx, siteID, kind, subject string, data map[string]any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	return d.Journal.Append(ctx, tx, journal.Entry{Site: siteID, At: d.Now(), Actor: access.From(ctx).ID, Kind: kind, Subject: subject, Data: raw})
}

// Done notes on behalf of whoever asks that an action on a case was carried out on a
// day, with what came of it. From that day on examinations count as after it, and the
// case waits to be measured again. NotFound: no such case or action; Invalid: a day that
// is none or is still to come; Conflict: the action was carried out already, or somebody
// changed it or the case meanwhile.
func (d *Desk) Done(ctx context.Context, siteID string, number int64, action, day, result string) error {
	w, err := d.Get(ctx, siteID, number)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(w.Actions, func(a finding.Action) bool { return a.ID == action })
	switch {
	case i < 0:
		return fault.Errorf(fault.NotFound, "case %d has no such action", number)
	case !validDay(day) || day > d.Now().Format(time.DateOnly):
		return fault.Errorf(fault.Invalid, "case %d: say on which day the action was carried out, as 2026-01-31, and not in the future", number)
	case w.Actions[i].Done != "":
		return fault.Errorf(fault.Conflict, "case %d: this action was carried out already", number)
	case len(result) > wordsLimit:
		return fault.Errorf(fault.Invalid, "case %d: at most %d bytes of words", number, wordsLimit)
	}
	a := w.Actions[i]
	a.Done, a.Result = day, strings.TrimSpace(result)
	again := Remeasure
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		if w.State != Closed {
			err := d.decide(ctx, tx, siteID, Decision{Number: number, Version: w.Finding.Version, State: &again}, "")
			if err != nil {
				return err
			}
		}
		_, err := d.Findings.ActIn(ctx, tx, a)
		return err
	})
}

// JustifyAll closes several cases as justified for one reason, each with an entry of its
// own, and returns the batch by which that can be undone. All must be of one rule and
// of these machines, and of a rule that is neither of law nor of substantial dose.
func (d *Desk) JustifyAll(ctx context.Context, siteID string, numbers []int64, words string) (batch string, err error) {
	if words = strings.TrimSpace(words); words == "" || len(numbers) == 0 || len(numbers) > 200 {
		return "", fault.Errorf(fault.Invalid, "justify several: choose 1 to 200 cases and give the reason")
	}
	batch = db.NewID()
	return batch, d.DB.Write(ctx, func(tx *db.Tx) error {
		var first Case
		for i, n := range numbers {
			c, err := one(ctx, tx, siteID, n)
			if err != nil {
				return err
			}
			if i == 0 {
				first = c
			}
			if c.Legal || c.Substantial || c.State == Closed || c.Rule != first.Rule || c.Machine != first.Machine {
				return fault.Errorf(fault.Invalid, "justify several: case %d is of law or of substantial dose, closed, or of another rule or machine", n)
			}
			if err := d.justify(ctx, tx, siteID, c, words, batch); err != nil {
				return err
			}
		}
		return nil
	})
}

// justify closes one case of a batch.
func (d *Desk) justify(ctx context.Context, tx *db.Tx, siteID string, c Case, words, batch string) error {
	version, err := d.Findings.VersionIn(ctx, tx, c.ID)
	if err != nil {
		return err
	}
	closed := Closed
	return d.decide(ctx, tx, siteID, Decision{Number: c.Number, Version: version, State: &closed, Reason: Justified, Words: words}, batch)
}

// Undo opens the cases of a batch again that are still closed by it, as they were before,
// and returns how many.
func (d *Desk) Undo(ctx context.Context, siteID, batch string) (n int, err error) {
	if batch == "" {
		return 0, fault.Errorf(fault.NotFound, "no such batch")
	}
	err = d.DB.Write(ctx, func(tx *db.Tx) error {
		all, err := db.List(ctx, tx, scanCase, selectCase+` where site_id = $1 and batch_id = $2 and state = 'closed'`, siteID, batch)
		if err != nil {
			return err
		}
		n = len(all)
		for _, c := range all {
			version, err := d.Findings.VersionIn(ctx, tx, c.ID)
			if err != nil {
				return err
			}
			before := c.Before
			if err := d.decide(ctx, tx, siteID, Decision{Number: c.Number, Version: version, State: &before}, ""); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}
