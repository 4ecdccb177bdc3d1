package audit

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"radagora/db"
	"radagora/fault"
)

// Kinds of visits from outside. None of them is a clinical audit.
const (
	Inspection    = "inspection"    // by the authority (Art. 104 of 2013/59/Euratom)
	Accreditation = "accreditation" // by a body that certifies
	PeerVisit     = "visit"         // by colleagues, such as a whole-department visit
)

// VisitKinds returns them.
func VisitKinds() []string { return []string{Inspection, Accreditation, PeerVisit} }

// A Visit is one from outside with what it found.
type Visit struct {
	ID       string
	Number   int64
	Kind     string
	Body     string // who came: authority or body
	Day      string
	Findings []VisitFinding
}

// A VisitFinding is something a visit found.
type VisitFinding struct {
	Text   string // without patient data
	Duty   string // id of a duty, "" if it belongs to none
	Due    string // day, "" if none was set
	Done   string // day, "" while it is open
	Answer string // what was done
}

// Note keeps a visit and returns its number.
func (d *Desk) Note(ctx context.Context, siteID, by string, v Visit) (Visit, error) {
	if !slices.Contains(VisitKinds(), v.Kind) {
		return v, fault.Errorf(fault.Invalid, "kind of visit: one of inspection, accreditation, visit")
	}
	if err := text("who came", v.Body, maxShort, true); err != nil {
		return v, err
	}
	if err := date("day of the visit", v.Day); err != nil {
		return v, err
	}
	if len(v.Findings) > maxActions {
		return v, fault.Errorf(fault.Exhausted, "at most %d findings", maxActions)
	}
	duties, err := d.duties(siteID)
	if err != nil {
		return v, err
	}
	for i := range v.Findings {
		if err := v.Findings[i].check(duties); err != nil {
			return v, err
		}
	}
	v.ID = db.NewID()
	err = d.DB.Write(ctx, func(tx *db.Tx) (err error) {
		if v.Number, err = next(ctx, tx, "audit_visit", siteID); err != nil {
			return err
		}
		raw, err := json.Marshal(v)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into audit_visit (visit_id, site_id, number, kind, body, made_by, made_at) values ($1, $2, $3, $4, $5, $6, $7)`,
			v.ID, siteID, v.Number, v.Kind, string(raw), by, db.Millis(d.Now()))
		if err != nil {
			return err
		}
		return d.journalled(ctx, tx, siteID, by, "audit.visit.noted", v.ID, map[string]any{"number": v.Number, "kind": v.Kind, "findings": len(v.Findings)})
	})
	return v, err
}

// check refuses a finding that cannot be.
func (f *VisitFinding) check(duties []Duty) error {
	if err := text("finding", f.Text, maxText, true); err != nil {
		return err
	}
	if f.Duty != "" && !slices.ContainsFunc(duties, func(x Duty) bool { return x.ID == f.Duty }) {
		return fault.Errorf(fault.Invalid, "finding: no duty %.20q", f.Duty)
	}
	if f.Due != "" {
		return date("due date of a finding", f.Due)
	}
	return nil
}

// Resolve notes what was done about a finding, counted from 1. NotFound: there is none.
func (d *Desk) Resolve(ctx context.Context, siteID, by string, number int64, n int, day, answer string) error {
	if err := date("day", day); err != nil {
		return err
	}
	if err := text("what was done", answer, maxText, true); err != nil {
		return err
	}
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		all, err := db.List(ctx, tx, scanVisit, selectVisit+` where site_id = $1 and number = $2`, siteID, number)
		if err != nil {
			return err
		}
		if len(all) == 0 || n < 1 || n > len(all[0].Findings) {
			return fault.Errorf(fault.NotFound, "no finding %d of visit %d", n, number)
		}
		v := all[0]
		v.Findings[n-1].Done, v.Findings[n-1].Answer = day, answer
		raw, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `update audit_visit set body = $1 where visit_id = $2`, string(raw), v.ID); err != nil {
			return err
		}
		return d.journalled(ctx, tx, siteID, by, "audit.visit.resolved", v.ID, map[string]any{"number": number, "finding": n, "day": day})
	})
}

const selectVisit = `select visit_id, number, kind, body from audit_visit`

func scanVisit(r *db.Rows) (v Visit, err error) {
	var id, kind, body string
	var number int64
	if err := r.Scan(&id, &number, &kind, &body); err != nil {
		return v, err
	}
	err = json.Unmarshal([]byte(body), &v)
	v.ID, v.Number, v.Kind = id, number, kind
	return v, err
}

// Visits returns them, the latest noted first.
func (d *Desk) Visits(ctx context.Context, siteID string) ([]Visit, error) {
	return db.List(ctx, d.DB, scanVisit, selectVisit+` where site_id = $1 order by number desc`, siteID)
}

// A Sum is how a template did at a site in a year: counts alone.
type Sum struct {
	Site, Template string
	Year           int
	Cycles         int // of them
	Analysed       int
	Yes, N         int // of the latest result
	Decision       string
	On             string
	Closed         int
}

// RollUp sums the audits of sites. It reads no case.
func (d *Desk) RollUp(ctx context.Context, sites []string, year int) ([]Sum, error) {
	var all []Sum
	for _, siteID := range sites {
		cycles, err := d.Cycles(ctx, siteID, year)
		if err != nil {
			return nil, err
		}
		at := map[string]int{}
		for i := range cycles {
			c := &cycles[i]
			k, ok := at[c.TemplateID]
			if !ok {
				k = len(all)
				at[c.TemplateID] = k
				all = append(all, Sum{Site: siteID, Template: c.TemplateID, Year: year})
			}
			all[k].add(c)
		}
	}
	slices.SortStableFunc(all, func(a, b Sum) int {
		if a.Template != b.Template {
			if a.Template < b.Template {
				return -1
			}
			return 1
		}
		return 0
	})
	return all, nil
}

// add counts a cycle; the latest come first.
func (s *Sum) add(c *Cycle) {
	s.Cycles++
	if c.State == Closed {
		s.Closed++
	}
	if c.Result == nil {
		return
	}
	s.Analysed++
	if s.Decision == "" {
		s.Decision, s.Yes, s.N, s.On = c.Result.Decision.Decision, c.Result.Yes, c.Result.Count.N(), c.Result.At.Format(time.DateOnly)
	}
}
