package equipment

import (
	"context"
	"iter"
	"time"

	"radagora/content"
	"radagora/evidence"
)

// Facts returns the facts of the evidence catalogue that the room can compute.
func (r *Register) Facts() []evidence.Fact {
	return []evidence.Fact{
		{ID: "equipment.qc_in_time", Value: r.counted("equipment.in_time/1", "equipment/test", r.inTime), Cases: cases(r.inTime)},
		{ID: "equipment.register_match", Value: r.match},
		{ID: "equipment.age_profile", Value: r.age},
	}
}

// inTime returns the occasions of a period that were due, counted those in time.
func (r *Register) inTime(ctx context.Context, q evidence.Query) ([]evidence.Case, error) {
	b, err := r.Board(ctx, q.Site)
	if err != nil {
		return nil, err
	}
	rooms, err := r.rooms(ctx, q.Site, b.Devices)
	if err != nil {
		return nil, err
	}
	from, until := q.From.Format(time.DateOnly), q.Until.Format(time.DateOnly)
	var all []evidence.Case
	for _, o := range b.Occasions("") {
		t := InTime([]Occasion{o}, b.Today)
		if t.Due == 0 || o.Due < from || o.Due > until || q.Stratum.Room != "" && rooms[o.Device] != q.Stratum.Room {
			continue
		}
		at, err := time.Parse(time.DateOnly, o.Due)
		if err != nil {
			continue // a day that is none is of no period
		}
		all = append(all, evidence.Case{ID: o.Device + " " + o.Test + " " + o.Due, Room: rooms[o.Device], At: at, Counted: t.InTime == 1, Object: o.Device})
	}
	return all, nil
}

// rooms returns the rooms in which devices stand, by their names.
func (r *Register) rooms(ctx context.Context, siteID string, devices []Device) (map[string]string, error) {
	plan, err := r.Plan(ctx, siteID)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, d := range devices {
		if room, ok := plan.RoomOf(d.Machine); ok && d.Machine != "" {
			all[d.Name] = room.ID
		}
	}
	return all, nil
}

// match says which share of register and machines seen agree.
func (r *Register) match(ctx context.Context, q evidence.Query) (evidence.Value, error) {
	devices, err := r.Devices(ctx, q.Site)
	v := evidence.Value{Provenance: evidence.Provenance{AsOf: r.Now(), How: "equipment.match/1", Content: []content.Ref{}}}
	if err != nil || len(devices) == 0 {
		return v, err // without a register there is nothing to compare
	}
	_, matching, of, err := r.Unlikes(ctx, q.Site)
	v.N, v.Numerator, v.Denominator = of, float64(matching), float64(of)
	return v, err
}

// age gives the share of active devices of the first band, in the year of the query. The
// other bands stand on the page.
func (r *Register) age(ctx context.Context, q evidence.Query) (evidence.Value, error) {
	v := evidence.Value{Provenance: evidence.Provenance{AsOf: r.Now(), How: "equipment.age_first_band/1"}}
	bands, ref, err := r.Bands(q.Site)
	if err != nil {
		return v, err
	}
	v.Provenance.Content = []content.Ref{ref}
	devices, err := r.Devices(ctx, q.Site)
	if err != nil || len(bands) == 0 {
		return v, err
	}
	p := profile(devices, q.Stratum.Group, q.Until.Year(), bands)
	v.N, v.Value = p.N, p.Shares[0]
	return v, nil
}

// counted makes a share of cases.
func (r *Register) counted(how, set string, list func(context.Context, evidence.Query) ([]evidence.Case, error)) func(context.Context, evidence.Query) (evidence.Value, error) {
	return func(ctx context.Context, q evidence.Query) (evidence.Value, error) {
		all, err := list(ctx, q)
		v := evidence.Value{N: len(all), Denominator: float64(len(all)), Provenance: evidence.Provenance{AsOf: r.Now(), How: how, Content: []content.Ref{}}}
		if s, ok := r.Content.Set(q.Site, set); ok {
			v.Provenance.Content = append(v.Provenance.Content, s.Ref())
		}
		for _, c := range all {
			if c.Counted {
				v.Numerator++
			}
		}
		return v, err
	}
}

// cases yields them.
func cases(list func(context.Context, evidence.Query) ([]evidence.Case, error)) func(context.Context, evidence.Query) iter.Seq2[evidence.Case, error] {
	return func(ctx context.Context, q evidence.Query) iter.Seq2[evidence.Case, error] {
		return func(yield func(evidence.Case, error) bool) {
			all, err := list(ctx, q)
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
}
