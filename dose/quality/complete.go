package quality

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"slices"
	"time"

	"radagora/content"
	"radagora/db"
	"radagora/dose"
	"radagora/evidence"
	"radagora/finding"
)

// A Week is how many exposing studies of a room have a dose, in one week.
type Week struct {
	Room, Modality string
	Monday         string // day on which the week begins
	Studies        int    // in the archive
	With           int    // of them, those with a dose
	Incomplete     bool   // the share is below the threshold
	Missing        []Arrived
}

// Share returns the share with a dose, 0 to 1.
func (w *Week) Share() float64 {
	if w.Studies == 0 {
		return 1
	}
	return float64(w.With) / float64(w.Studies)
}

// Completeness returns the weeks of a period by room and modality, the latest first;
// nothing if the archive is not asked.
func (b *Bench) Completeness(ctx context.Context, siteID string, p dose.Period) ([]Week, error) {
	if b.Archive == nil {
		return nil, nil
	}
	set, err := b.Settings(siteID)
	if err != nil {
		return nil, err
	}
	plan, err := b.Plan(ctx, siteID)
	if err != nil {
		return nil, err
	}
	arrived, err := b.Archive.Exposing(ctx, siteID, p)
	if err != nil {
		return nil, err
	}
	dosed, err := b.dosed(ctx, siteID)
	if err != nil {
		return nil, err
	}
	type key struct{ room, modality, monday string }
	weeks := map[key]*Week{}
	for _, a := range arrived {
		machine, with := dosed[a.Study]
		room, _ := plan.RoomOf(cmp.Or(a.Machine, machine))
		k := key{room.ID, a.Modality, monday(a.Day)}
		if weeks[k] == nil {
			weeks[k] = &Week{Room: k.room, Modality: k.modality, Monday: k.monday}
		}
		w := weeks[k]
		w.Studies++
		if with {
			w.With++
		} else {
			w.Missing = append(w.Missing, a)
		}
	}
	all := make([]Week, 0, len(weeks))
	for _, w := range weeks {
		w.Incomplete = w.Share() < set.Completeness
		all = append(all, *w)
	}
	slices.SortFunc(all, func(a, b Week) int {
		return cmp.Or(cmp.Compare(b.Monday, a.Monday), cmp.Compare(a.Room, b.Room), cmp.Compare(a.Modality, b.Modality))
	})
	return all, nil
}

// dosed returns the machine of each study that has a dose.
func (b *Bench) dosed(ctx context.Context, siteID string) (map[string]string, error) {
	all := map[string]string{}
	_, err := db.List(ctx, b.DB, func(r *db.Rows) (struct{}, error) {
		var study, machine string
		err := r.Scan(&study, &machine)
		all[study] = machine
		return struct{}{}, err
	}, `select study_uid, machine_id from dose_study where site_id = $1 and events > 0`, siteID)
	return all, err
}

// monday returns the Monday of the week of a day, "" for no day.
func monday(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return ""
	}
	return t.AddDate(0, 0, -(int(t.Weekday())+6)%7).Format(time.DateOnly)
}

// RuleIncomplete is the rule of the findings about weeks with too few doses.
const RuleIncomplete = "dose.incomplete"

// findingWeeks is for how many weeks that have ended findings are made.
const findingWeeks = 8

// Judge derives the findings of a site about rooms from which doses are missing: over
// the last weeks that have ended.
func (b *Bench) Judge(ctx context.Context, siteID string, into dose.Findings) (finding.Change, error) {
	here, err := b.Site(ctx, siteID)
	if err != nil {
		return finding.Change{}, err
	}
	set, err := b.Settings(siteID)
	if err != nil {
		return finding.Change{}, err
	}
	now, err := time.Parse(time.DateOnly, monday(here.Day(b.Now())))
	if err != nil {
		return finding.Change{}, err
	}
	p := dose.Period{From: now.AddDate(0, 0, -7*findingWeeks).Format(time.DateOnly), To: now.AddDate(0, 0, -1).Format(time.DateOnly)}
	weeks, err := b.Completeness(ctx, siteID, p)
	if err != nil {
		return finding.Change{}, err
	}
	found := missing(siteID, weeks, set, p)
	var change finding.Change
	err = b.DB.Write(ctx, func(tx *db.Tx) error {
		change, err = into.Derive(ctx, tx, finding.Scope{Site: siteID, Rule: RuleIncomplete}, found, nil)
		return err
	})
	return change, err
}

// missing makes a finding of each room and modality with too few doses.
func missing(siteID string, weeks []Week, set Settings, p dose.Period) []finding.Derived {
	type key struct{ room, modality string }
	sums := map[key]*Week{}
	for _, w := range weeks {
		k := key{w.Room, w.Modality}
		if sums[k] == nil {
			sums[k] = &Week{Room: w.Room, Modality: w.Modality}
		}
		sums[k].Studies, sums[k].With = sums[k].Studies+w.Studies, sums[k].With+w.With
	}
	var all []finding.Derived
	for _, w := range sums {
		if w.Share() >= set.Completeness || w.Room == "" {
			continue
		}
		level := set.Completeness
		data, err := json.Marshal(dose.FindingData{From: p.From, To: p.To})
		if err != nil {
			data = nil // it is texts alone
		}
		all = append(all, finding.Derived{
			Rule: RuleIncomplete, Subject: finding.Subject{Site: siteID, Room: w.Room, Quantity: w.Modality},
			Code: "incomplete", Importance: 1 - w.Share(),
			Measured:  finding.Measured{Value: w.Share(), Unit: "1", N: w.Studies},
			Reference: finding.Reference{Value: &level, Unit: "1", Set: "dose/defaults"}, Data: data,
		})
	}
	slices.SortFunc(all, func(a, b finding.Derived) int { return cmp.Compare(a.ID(), b.ID()) })
	return all
}

// Facts returns the facts of the evidence catalogue that the room can compute.
func (b *Bench) Facts() []evidence.Fact {
	return []evidence.Fact{{ID: "dose.record_coverage", Value: b.coverage, Cases: b.coverageCases}}
}

// arrivedOf returns the exposing studies of a query with the room and whether they have
// a dose.
func (b *Bench) arrivedOf(ctx context.Context, q evidence.Query) ([]evidence.Case, error) {
	if b.Archive == nil {
		return nil, nil
	}
	plan, err := b.Plan(ctx, q.Site)
	if err != nil {
		return nil, err
	}
	p := dose.Period{From: q.From.Format(time.DateOnly), To: q.Until.AddDate(0, 0, -1).Format(time.DateOnly)}
	arrived, err := b.Archive.Exposing(ctx, q.Site, p)
	if err != nil {
		return nil, err
	}
	dosed, err := b.dosed(ctx, q.Site)
	if err != nil {
		return nil, err
	}
	var all []evidence.Case
	seen := map[string]bool{}
	for _, a := range arrived {
		machine, with := dosed[a.Study]
		room, _ := plan.RoomOf(cmp.Or(a.Machine, machine))
		if seen[a.Study] || q.Stratum.Room != "" && room.ID != q.Stratum.Room {
			continue
		}
		seen[a.Study] = true
		at, err := time.Parse(time.DateOnly, a.Day)
		if err != nil {
			at = time.Time{} // the day is unknown
		}
		all = append(all, evidence.Case{ID: a.Study, Room: room.ID, At: at, Counted: with, Object: a.Study})
	}
	return all, nil
}

// coverage counts exposing studies with a dose.
func (b *Bench) coverage(ctx context.Context, q evidence.Query) (evidence.Value, error) {
	all, err := b.arrivedOf(ctx, q)
	v := evidence.Value{Provenance: evidence.Provenance{AsOf: b.Now(), How: "dose.coverage/1", Content: []content.Ref{}}}
	for _, c := range all {
		v.N++
		v.Denominator++
		if c.Counted {
			v.Numerator++
		}
	}
	return v, err
}

// coverageCases yields what coverage counts.
func (b *Bench) coverageCases(ctx context.Context, q evidence.Query) iter.Seq2[evidence.Case, error] {
	return func(yield func(evidence.Case, error) bool) {
		all, err := b.arrivedOf(ctx, q)
		if err != nil {
			yield(evidence.Case{}, err)
			return
		}
		for _, c := range all {
			if !yield(c, nil) {
				return
			}
		}
	}
}
