package dose

import (
	"cmp"
	"context"
	"encoding/json"
	"strconv"
	"time"

	"radagora/db"
	"radagora/fault"
)

// Sizes knows how big patients are.
type Sizes interface {
	// Sizes returns every height and weight that is known of a patient, beside an
	// examination: of each kind the one that is used first.
	Sizes(ctx context.Context, q db.Querier, a SizeQuery) ([]Size, error)
	// Same returns every name of a person.
	Same(ctx context.Context, q db.Querier, site, person string) ([]string, error)
}

// A SizeQuery is what Sizes is asked.
type SizeQuery struct {
	Site, Study string
	Person      string    // "" if the reports name nobody
	At          time.Time // of the examination
	Years       int       // age of the patient at the time, negative if unknown
	Own         []Size    // what the reports of the study say
}

// A Size is a height or weight of a patient beside an examination.
type Size struct {
	Field    Field     `json:"field"` // FieldHeight or FieldWeight
	Value    float64   `json:"value"` // m or kg
	Unit     string    `json:"unit"`
	Received string    `json:"received,omitempty"` // as it came, with its unit
	At       time.Time `json:"at"`                 // when it was measured, of a header: of its study
	Source   string    `json:"source"`             // hl7, fhir, csv, dicom, person
	Origin   string    `json:"origin,omitempty"`   // of that source: a channel, a client, a file, a study, an account
	Used     bool      `json:"used,omitempty"`
	Why      string    `json:"why,omitempty"` // why it is not used: impossible, untrusted, old, late, withdrawn, another
}

// SizeFromReport is the source of sizes that the reports of a study say.
const SizeFromReport = "dicom"

// sizes returns the sizes of a study as examinations are compared with them.
func (l *Ledger) sizes(ctx context.Context, tx *db.Tx, r reading, person string) ([]Size, error) {
	first := r.study.Reports[0]
	at, err := l.instant(ctx, r.site, first)
	if err != nil {
		return nil, err
	}
	q := SizeQuery{Site: r.site, Study: r.task.study, Person: person, At: at, Years: -1, Own: own(r, at)}
	if years, ok := first.Patient.Years(); ok {
		q.Years = int(years.Float())
	}
	if l.Sizes != nil {
		return l.Sizes.Sizes(ctx, tx, q)
	}
	seen := map[Field]bool{}
	for i, s := range q.Own {
		q.Own[i].Used, seen[s.Field] = !seen[s.Field], true
	}
	return q.Own, nil
}

// own returns what the reports of a study say of the patient's size, each value once.
func own(r reading, at time.Time) (all []Size) {
	seen := map[[2]string]bool{}
	for _, report := range r.study.Reports {
		for _, v := range []Value{report.Patient.Height, report.Patient.Weight} {
			if v.Number == nil {
				continue
			}
			n := v.Number.Float()
			k := [2]string{string(v.Field), strconv.FormatFloat(n, 'f', -1, 64)}
			if seen[k] {
				continue
			}
			seen[k] = true
			all = append(all, Size{
				Field: v.Field, Value: n, Unit: v.Unit, Received: v.Raw + " " + cmp.Or(v.RawUnit, v.Unit), At: at,
				Source: SizeFromReport, Origin: r.task.study,
			})
		}
	}
	return all
}

// instant returns when a report's examination was, in the zone of its site where the
// report names none; zero if nothing says it.
func (l *Ledger) instant(ctx context.Context, siteID string, r *Report) (time.Time, error) {
	zone := time.UTC
	if l.Zone != nil {
		var err error
		if zone, err = l.Zone(ctx, siteID); err != nil {
			return time.Time{}, err
		}
	}
	for _, m := range []Moment{r.Started(), r.StudyDate, r.Content} {
		if at, ok := m.in(zone); ok {
			return at, nil
		}
	}
	return time.Time{}, nil
}

// used returns the size that is used, nil if there is none.
func used(all []Size, f Field) *Size {
	for i := range all {
		if all[i].Field == f && all[i].Used {
			return &all[i]
		}
	}
	return nil
}

// Sized is told within tx that something else is known of persons: what is compared by
// their size is derived anew.
func (l *Ledger) Sized(ctx context.Context, tx *db.Tx, siteID string, persons []string) error {
	for _, p := range persons {
		_, err := tx.Exec(ctx, `insert into dose_pending (site_id, study_uid, ticket)
			select site_id, study_uid, cast($3 as text) from dose_study where site_id = $1 and person = $2 and person <> ''
			on conflict (site_id, study_uid) do update set ticket = excluded.ticket`, siteID, p, db.NewID())
		if err != nil {
			return err
		}
	}
	tx.OnCommit(l.poke)
	return nil
}

// sizesJSON writes sizes for the database.
func sizesJSON(all []Size) (string, error) {
	if all == nil {
		all = []Size{}
	}
	raw, err := json.Marshal(all)
	return string(raw), fault.As(fault.Internal, err)
}
