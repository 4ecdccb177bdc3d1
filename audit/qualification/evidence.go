package qualification

import (
	"context"
	"time"

	"radagora/content"
	"radagora/db"
	"radagora/evidence"
	"radagora/finding"
)

// Facts returns the facts of the evidence catalogue that the room can compute. Their cases
// are ids of records, never whose they are.
func (r *Register) Facts() []evidence.Fact {
	return []evidence.Fact{
		r.trained("teach.rp_training", "qualification.protection/1", Protection, Practitioner),
		r.trained("teach.delegates_trained", "qualification.delegates/1", Protection, Delegate),
		r.trained("teach.cpd_valid", "qualification.continuing/1", Continuing, Practitioner, Expert, Officer, Delegate),
		{ID: "teach.team_training", Value: r.team},
		{ID: "content.mpe_appointed", Value: r.appointed},
	}
}

// trained is a share of the people with one of some functions: those who hold a valid
// training. A person with two functions counts once.
func (r *Register) trained(id, how, training string, functions ...string) evidence.Fact {
	return evidence.Counted(id, how, r.Now, func(ctx context.Context, q evidence.Query) ([]evidence.Case, error) {
		here, err := r.Site(ctx, q.Site)
		if err != nil {
			return nil, err
		}
		day := here.Day(q.Until)
		all, err := r.List(ctx, q.Site)
		if err != nil {
			return nil, err
		}
		valid, seen := map[string]bool{}, map[string]bool{}
		for i := range all {
			if all[i].Kind == training && all[i].Holds(day) {
				valid[all[i].Person] = true
			}
		}
		var cases []evidence.Case
		for _, kind := range functions {
			for i := range all {
				x := &all[i]
				if x.Kind == kind && x.Holds(day) && !seen[x.Person] {
					seen[x.Person] = true
					cases = append(cases, evidence.Case{ID: x.ID, Object: x.ID, At: x.At, Counted: valid[x.Person]})
				}
			}
		}
		return cases, nil
	})
}

// team returns the day of the last training of the team.
func (r *Register) team(ctx context.Context, q evidence.Query) (evidence.Value, error) {
	v := evidence.Value{Provenance: evidence.Provenance{AsOf: r.Now(), How: "qualification.team/1", Content: []content.Ref{}}}
	here, err := r.Site(ctx, q.Site)
	if err != nil {
		return v, err
	}
	until := here.Day(q.Until)
	all, err := r.Trainings(ctx, q.Site)
	for _, t := range all {
		if t.Day > until {
			continue
		}
		v.N++
		v.Date = max(v.Date, t.Day)
	}
	return v, err
}

// appointed returns the first day of the latest appointment of a medical physics expert
// that is in force.
func (r *Register) appointed(ctx context.Context, q evidence.Query) (evidence.Value, error) {
	v := evidence.Value{Provenance: evidence.Provenance{AsOf: r.Now(), How: "qualification.appointed/1", Content: []content.Ref{}}}
	here, err := r.Site(ctx, q.Site)
	if err != nil {
		return v, err
	}
	day := here.Day(q.Until)
	all, err := r.List(ctx, q.Site)
	for i := range all {
		if x := &all[i]; x.Kind == Expert && x.Holds(day) {
			v.N++
			v.Date = max(v.Date, x.From)
		}
	}
	return v, err
}

// RuleExpiry is the rule of findings about qualifications: one ended, or ends soon. A
// finding names a record and its kind, never whose it is. The code of a finding is the
// state of its record.
const RuleExpiry = "qualification.expiry"

// Judge derives the findings about the records of a site as of today.
func (r *Register) Judge(ctx context.Context, siteID string) error {
	return r.DB.Write(ctx, func(tx *db.Tx) error { return r.judge(ctx, tx, siteID) })
}

// judge leaves a record alone whose person holds another of the same kind that is valid
// for longer.
func (r *Register) judge(ctx context.Context, tx *db.Tx, siteID string) error {
	today, soon, err := r.Days(ctx, siteID)
	if err != nil {
		return err
	}
	now, err := time.Parse(time.DateOnly, today)
	if err != nil {
		return err
	}
	all, err := r.list(ctx, tx, siteID)
	if err != nil {
		return err
	}
	var found []finding.Derived
	for i := range all {
		x := &all[i]
		state := x.State(today, soon)
		if state != Expired && state != Soon || renewed(all, x) {
			continue
		}
		until, err := time.Parse(time.DateOnly, x.Until)
		if err != nil {
			return err
		}
		found = append(found, finding.Derived{
			Rule: RuleExpiry, Code: state, Importance: 1, Subject: finding.Subject{Site: siteID, Object: x.ID, Quantity: x.Kind},
			Measured:  finding.Measured{Value: until.Sub(now).Hours() / 24, Unit: "d", N: 1},
			Reference: finding.Reference{Unit: "d", Source: "qualification.until"},
		})
	}
	_, err = r.Findings.Derive(ctx, tx, finding.Scope{Site: siteID, Rule: RuleExpiry}, found, nil)
	return err
}

// renewed reports whether another record takes the place of one.
func renewed(all []Record, x *Record) bool {
	for i := range all {
		o := &all[i]
		if o.ID != x.ID && o.Person == x.Person && o.Kind == x.Kind && !o.Ended && (x.Kind != Device || o.Detail == x.Detail) && (o.Until == "" || o.Until > x.Until) {
			return true
		}
	}
	return false
}
