package document

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"radagora/content"
	"radagora/db"
	"radagora/evidence"
	"radagora/finding"
)

// Facts returns the facts of the evidence catalogue that the room can compute.
func (r *Register) Facts() []evidence.Fact {
	all := []evidence.Fact{
		{ID: "content.justification_protocol", Value: r.topic(Justification)},
		{ID: "content.optimisation_protocol", Value: r.topic(Optimisation)},
		evidence.Counted("content.mpe_reviewed", "document.expert/1", r.Now, r.withExpert),
	}
	if r.Procedures != nil {
		all = append(all, evidence.Counted("equipment.protocols_current", "document.procedures/1", r.Now, r.current))
	}
	return all
}

// topic returns the day of the last review of the documents of a topic. Only a version
// that somebody approved counts; one whose next review is past is stale.
func (r *Register) topic(topic string) func(ctx context.Context, q evidence.Query) (evidence.Value, error) {
	return func(ctx context.Context, q evidence.Query) (evidence.Value, error) {
		v := evidence.Value{Provenance: evidence.Provenance{AsOf: r.Now(), How: "document.topic/1", Content: []content.Ref{}}}
		until, err := r.dayOf(ctx, q)
		if err != nil {
			return v, err
		}
		all, err := r.List(ctx, q.Site)
		for i := range all {
			d := &all[i]
			last := d.Reviewed()
			if d.Withdrawn || d.Head.Topic != topic || last == nil || last.Day > until {
				continue
			}
			v.N++
			if last.Day > v.Date {
				v.Date, v.State = last.Day, ""
				if last.Next < until {
					v.State = evidence.Stale
				}
			}
		}
		return v, err
	}
}

// dayOf is the day at the site on which a query ends.
func (r *Register) dayOf(ctx context.Context, q evidence.Query) (string, error) {
	here, err := r.Site(ctx, q.Site)
	return here.Day(q.Until), err
}

// withExpert are the protocols of procedures with a high dose; those count whose version
// in force was reviewed with the medical physics expert within the window.
func (r *Register) withExpert(ctx context.Context, q evidence.Query) ([]evidence.Case, error) {
	until, err := r.dayOf(ctx, q)
	if err != nil {
		return nil, err
	}
	from := q.From.Format(time.DateOnly)
	all, err := r.List(ctx, q.Site)
	if err != nil {
		return nil, err
	}
	var cases []evidence.Case
	for i := range all {
		d := &all[i]
		v := d.InForce()
		if d.Withdrawn || !d.Head.HighDose || v == nil || q.Stratum.Room != "" && !slices.Contains(d.Head.Rooms, q.Stratum.Room) {
			continue
		}
		cases = append(cases, evidence.Case{ID: d.ID, At: v.OK, Object: d.ID, Counted: slices.ContainsFunc(d.Reviews, func(x Review) bool {
			return x.Expert && x.Version == v.Number && x.Day >= from && x.Day <= until
		})})
	}
	return cases, nil
}

// current are the examinations that were made in the last twelve months; those count that
// a document in use names and whose version in force was reviewed in that time. That a
// scanner's protocol belongs to an examination is what its mapping says.
func (r *Register) current(ctx context.Context, q evidence.Query) ([]evidence.Case, error) {
	until, err := r.dayOf(ctx, q)
	if err != nil {
		return nil, err
	}
	from := q.Until.AddDate(-1, 0, 0).Format(time.DateOnly)
	exams, err := r.Procedures(ctx, q.Site, from, until)
	if err != nil {
		return nil, err
	}
	all, err := r.List(ctx, q.Site)
	if err != nil {
		return nil, err
	}
	var cases []evidence.Case
	for _, exam := range exams {
		if q.Stratum.Exam != "" && q.Stratum.Exam != exam {
			continue
		}
		c := evidence.Case{ID: exam, At: q.Until}
		for i := range all {
			d := &all[i]
			last := d.Reviewed()
			if !d.Withdrawn && last != nil && last.Day >= from && last.Day <= until && slices.Contains(d.Head.Exams, exam) {
				c.Counted, c.Object, c.At = true, d.ID, last.At
			}
		}
		cases = append(cases, c)
	}
	return cases, nil
}

// RuleDue is the rule of findings about documents: the review is past, or a version waits
// for its approval. The code of a finding is the state of its document.
const RuleDue = "document.due"

// Judge derives the findings about the documents of a site as of today.
func (r *Register) Judge(ctx context.Context, siteID string) error {
	today, err := r.day(ctx, siteID)
	if err != nil {
		return err
	}
	now, err := time.Parse(time.DateOnly, today)
	if err != nil {
		return err
	}
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		all, err := r.list(ctx, tx, siteID, "")
		if err != nil {
			return err
		}
		var found []finding.Derived
		for i := range all {
			d := &all[i]
			state := d.State(today)
			since := ""
			switch state {
			case Overdue:
				since = d.Reviewed().Next
			case Unapproved:
				since = d.Versions[0].Day
			default:
				continue
			}
			at, err := time.Parse(time.DateOnly, since)
			if err != nil {
				return err
			}
			data, err := json.Marshal(Due{d.Number, d.Head.Title, since})
			if err != nil {
				return err
			}
			found = append(found, finding.Derived{
				Rule: RuleDue, Code: state, Importance: 1, Data: data, Subject: finding.Subject{Site: siteID, Object: d.ID},
				Measured:  finding.Measured{Value: now.Sub(at).Hours() / 24, Unit: "d", N: 1},
				Reference: finding.Reference{Unit: "d", Source: "document.next_review"},
			})
		}
		_, err = r.Findings.Derive(ctx, tx, finding.Scope{Site: siteID, Rule: RuleDue}, found, nil)
		return err
	})
}

// A Due says what a finding is about.
type Due struct {
	Number int64  `json:"number"`
	Title  string `json:"title"`
	Day    string `json:"day"` // of the review, or on which the version was put in
}

// DueOf reads what a finding of RuleDue is about; the zero value if it is of another rule.
func DueOf(f finding.Finding) (d Due) {
	if f.Rule != RuleDue || json.Unmarshal(f.Data, &d) != nil {
		return Due{}
	}
	return d
}
