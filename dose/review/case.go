package review

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"radagora/db"
	"radagora/fault"
	"radagora/finding"
)

// A State is how far people are with a case.
type State string

// The states, in the order in which a case usually passes them.
const (
	Open          State = "open"
	Assigned      State = "assigned"
	UnderReview   State = "under_review"
	ActionPlanned State = "action_planned"
	Remeasure     State = "re_measure"
	Closed        State = "closed"
)

// States returns all states in their order.
func States() []State { return []State{Open, Assigned, UnderReview, ActionPlanned, Remeasure, Closed} }

// A Reason says why a case was closed.
type Reason string

// The reasons.
const (
	WithResult Reason = "result"      // something was done, and measured again
	NoResult   Reason = "no_result"   // in writing
	Justified  Reason = "justified"   // the dose was right for this patient
	DataError  Reason = "data_error"  // the number is wrong
	NotPatient Reason = "not_patient" // a phantom or test
)

// Reasons returns all reasons.
func Reasons() []Reason { return []Reason{Justified, WithResult, NoResult, DataError, NotPatient} }

// Causes returns the causes that a review may find.
func Causes() []string {
	return []string{"patient_size", "complexity", "wrong_protocol", "repeat", "equipment", "operator", "data_error", "other"}
}

// Actions returns the kinds of action.
func Actions() []string {
	return []string{"protocol_change", "training", "service_call", "level_correction", "other"}
}

// A Form is what a review answers.
type Form struct {
	SizeConfirmed       bool   `json:"size_confirmed,omitempty"`
	IndicationConfirmed bool   `json:"indication_confirmed,omitempty"`
	Cause               string `json:"cause,omitempty"`
	Justified           string `json:"justified,omitempty"`  // yes, no
	Informed            string `json:"informed,omitempty"`   // yes, no: whether the patient was
	Reportable          string `json:"reportable,omitempty"` // yes, no
	Authority           string `json:"authority,omitempty"`
	Deadline            string `json:"deadline,omitempty"` // 2006-01-02
}

// A Case is an alert and how far people are with it.
type Case struct {
	ID           string
	Number       int64
	Set          string // rule set
	Study, Key   string // "" of a group
	Machine      string
	Exam         string
	Day          string
	Rule         string
	Quantity     string
	Ratio        float64
	Legal        bool
	Substantial  bool
	Withdrawn    bool // it does not derive any more
	State        State
	Before       State // before it was closed
	Reason       Reason
	Words        string
	Owner, Due   string
	Intervention string
	Form         Form
	Batch        string
	SnoozedTo    string
	SnoozedWhy   string
	OpenedAt     int64 // Unix milliseconds, as all that follow
	ReviewedAt   int64
	ClosedAt     int64
	ClosedBy     string
	Told         string
}

const selectCase = `select case_id, number, rule_set, study_uid, examination, machine_id, exam_code, day, rule_id, quantity, ratio, legal,
	substantial, withdrawn, state, before_state, reason, words, owner, due, intervention, form, batch_id, snoozed_to, snoozed_why,
	opened_at, reviewed_at, closed_at, closed_by, told from review_case`

func scanCase(r *db.Rows) (c Case, err error) {
	var form string
	err = r.Scan(&c.ID, &c.Number, &c.Set, &c.Study, &c.Key, &c.Machine, &c.Exam, &c.Day, &c.Rule, &c.Quantity, &c.Ratio, &c.Legal,
		&c.Substantial, &c.Withdrawn, &c.State, &c.Before, &c.Reason, &c.Words, &c.Owner, &c.Due, &c.Intervention, &form, &c.Batch,
		&c.SnoozedTo, &c.SnoozedWhy, &c.OpenedAt, &c.ReviewedAt, &c.ClosedAt, &c.ClosedBy, &c.Told)
	if err != nil {
		return c, err
	}
	return c, fault.As(fault.Internal, json.Unmarshal([]byte(form), &c.Form))
}

// A Filter chooses cases. Empty fields choose all.
type Filter struct {
	States   []State
	Live     bool // neither closed nor withdrawn nor put off to a later day
	Today    string
	Owner    string
	Set      string
	Machines []string
	Rule     string
	Limit    int // 0 means 200
	Offset   int
}

// Cases returns the cases a filter chooses: those of law and of substantial dose
// first, then by ratio; closed and withdrawn ones after the others.
func (d *Desk) Cases(ctx context.Context, siteID string, f Filter) ([]Case, error) {
	where, args := f.where(siteID)
	limit := f.Limit
	if limit <= 0 {
		limit = 200
	}
	args = append(args, limit, max(f.Offset, 0))
	return db.List(ctx, d.DB, scanCase, fmt.Sprintf(`%s where %s order by case when state = 'closed' or withdrawn then 1 else 0 end,
		case when legal or substantial then 0 else 1 end, ratio desc, number desc limit $%d offset $%d`, selectCase, where, len(args)-1, len(args)), args...)
}

// Count returns how many cases a filter chooses, whatever its limit.
func (d *Desk) Count(ctx context.Context, siteID string, f Filter) (n int, err error) {
	where, args := f.where(siteID)
	return n, d.DB.QueryRow(ctx, `select count(*) from review_case where `+where, args...).Scan(&n)
}

// where writes a filter in SQL.
func (f Filter) where(siteID string) (string, []any) {
	args := []any{siteID}
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	terms := []string{"site_id = $1"}
	for _, t := range []struct{ column, value string }{{"owner", f.Owner}, {"rule_set", f.Set}, {"rule_id", f.Rule}} {
		if t.value != "" {
			terms = append(terms, t.column+" = "+arg(t.value))
		}
	}
	among := func(column string, values []string) {
		var all []string
		for _, v := range values {
			all = append(all, arg(v))
		}
		if len(all) > 0 {
			terms = append(terms, column+" in ("+strings.Join(all, ", ")+")")
		}
	}
	var states []string
	for _, s := range f.States {
		states = append(states, string(s))
	}
	among("state", states)
	among("machine_id", f.Machines)
	if f.Live {
		terms = append(terms, "state <> 'closed'", "not withdrawn", "(snoozed_to = '' or snoozed_to <= "+arg(f.Today)+")")
	}
	return strings.Join(terms, " and "), args
}

// A Whole is a case with everything that is known about it.
type Whole struct {
	Case
	Finding finding.Finding
	Data    CaseData
	History []finding.Note
	Actions []finding.Action
	Check   Check
	Effect  *Effect // of the last action, once enough was measured again; nil before
	Same    []Case  // of the same rule on the same machine, the latest first
	Earlier []Case  // of the same person's examinations up to the day of this one, the latest first
}

// Get returns a case by its number. NotFound: there is none.
func (d *Desk) Get(ctx context.Context, siteID string, number int64) (Whole, error) {
	all, err := db.List(ctx, d.DB, scanCase, selectCase+` where site_id = $1 and number = $2`, siteID, number)
	if err != nil {
		return Whole{}, err
	}
	if len(all) == 0 {
		return Whole{}, fault.Errorf(fault.NotFound, "no case %d", number)
	}
	w := Whole{Case: all[0]}
	if w.Finding, w.History, w.Actions, err = d.Findings.Get(ctx, w.ID); err != nil {
		return w, err
	}
	if err := json.Unmarshal(w.Finding.Data, &w.Data); err != nil {
		return w, fault.Errorf(fault.Internal, "data of case %d: %w", number, err)
	}
	if w.Check, err = readCheck(ctx, d.DB, w.ID); err != nil {
		return w, err
	}
	if w.Effect, err = d.effect(ctx, siteID, w.Case, w.Actions); err != nil {
		return w, err
	}
	w.Same, err = db.List(ctx, d.DB, scanCase, selectCase+` where site_id = $1 and rule_id = $2 and machine_id = $3 and number <> $4
		order by number desc limit 10`, siteID, w.Rule, w.Machine, number)
	if err != nil || w.Study == "" {
		return w, err
	}
	w.Earlier, err = db.List(ctx, d.DB, scanCase, selectCase+` where site_id = $1 and number <> $2 and day <= $3 and study_uid in (
		select o.study_uid from dose_study s join dose_study o on o.site_id = s.site_id and o.person = s.person
		where s.site_id = $1 and s.study_uid = $4 and s.person <> '') order by day desc, number desc limit 20`, siteID, number, w.Day, w.Study)
	return w, err
}

// Usual returns the words with which cases of a rule on these machines were justified
// most often, at most five.
func (d *Desk) Usual(ctx context.Context, siteID, rule string, machines []string) ([]string, error) {
	where, args := Filter{Rule: rule, Machines: machines}.where(siteID)
	args = append(args, string(Justified))
	all, err := db.List(ctx, d.DB, func(r *db.Rows) (s string, err error) { var n int; return s, r.Scan(&s, &n) },
		fmt.Sprintf(`select words, count(*) from review_case where %s and reason = $%d and words <> '' group by words order by 2 desc, 1 limit 5`, where, len(args)), args...)
	return slices.Clip(all), err
}
