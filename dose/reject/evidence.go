package reject

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strconv"
	"time"

	"radagora/content"
	"radagora/db"
	"radagora/evidence"
)

// Facts returns the facts of the evidence catalogue that the room can compute.
func (d *Desk) Facts() []evidence.Fact {
	return []evidence.Fact{
		{ID: "equipment.reject_rate", Value: counted(d, "reject.rate/1", d.exposures), Cases: cases(d.exposures)},
		{ID: "equipment.reject_recording", Value: counted(d, "reject.recording/1", d.recording), Cases: cases(d.recording)},
	}
}

// exposures returns the exposures that a rate counts.
func (d *Desk) exposures(ctx context.Context, q evidence.Query) ([]evidence.Case, error) {
	m, err := d.meaning(ctx, q.Site)
	if err != nil {
		return nil, err
	}
	plan, err := d.Plan(ctx, q.Site)
	if err != nil {
		return nil, err
	}
	g := newGathered(plan)
	p := period(q.From, q.Until)
	var all []evidence.Case
	_, err = db.List(ctx, d.DB, func(r *db.Rows) (struct{}, error) {
		var batch, vendor, machine, day, reason string
		var line int
		var rejected bool
		if err := r.Scan(&batch, &line, &vendor, &machine, &day, &reason, &rejected); err != nil {
			return struct{}{}, err
		}
		room, _ := g.room(machine)
		if !m.counts(m.of(vendor, reason)) || q.Stratum.Room != "" && q.Stratum.Room != room {
			return struct{}{}, nil
		}
		at, err := time.Parse(time.DateOnly, day)
		id := batch + ":" + strconv.Itoa(line)
		all = append(all, evidence.Case{ID: id, Room: room, At: at, Counted: rejected, Object: id})
		return struct{}{}, err
	}, `select r.batch_id, r.line, b.vendor, r.machine_id, r.day, r.reason, r.rejected
		from dose_reject_row r join dose_reject_batch b on b.batch_id = r.batch_id
		where r.site_id = $1 and r.day between $2 and $3 order by r.day, r.batch_id, r.line`, q.Site, p.From, p.To)
	return all, err
}

// recording returns the machines of radiography, those counted that have a log.
func (d *Desk) recording(ctx context.Context, q evidence.Query) ([]evidence.Case, error) {
	plan, err := d.Plan(ctx, q.Site)
	if err != nil {
		return nil, err
	}
	p := period(q.From, q.Until)
	logged := map[string]bool{}
	tallies, err := d.tallies(ctx, q.Site, p)
	if err != nil {
		return nil, err
	}
	for _, t := range tallies {
		logged[t.machine] = true
	}
	known := maps.Clone(logged)
	if d.Archive != nil {
		images, err := d.Archive.ImageMonths(ctx, q.Site, p)
		if err != nil {
			return nil, err
		}
		for _, x := range images {
			if m, ok := plan.Machine(x.Machine); ok {
				known[m.ID] = true
			}
		}
	}
	var all []evidence.Case
	for _, id := range slices.Sorted(maps.Keys(known)) {
		room, _ := plan.RoomOf(id)
		if q.Stratum.Room == "" || q.Stratum.Room == room.ID {
			all = append(all, evidence.Case{ID: id, Room: room.ID, At: q.From, Counted: logged[id], Object: id})
		}
	}
	return all, nil
}

// A lister returns what a fact is made of.
type lister func(ctx context.Context, q evidence.Query) ([]evidence.Case, error)

// counted returns how many cases count, of all.
func counted(d *Desk, how string, list lister) func(context.Context, evidence.Query) (evidence.Value, error) {
	return func(ctx context.Context, q evidence.Query) (evidence.Value, error) {
		all, err := list(ctx, q)
		v := evidence.Value{Provenance: evidence.Provenance{AsOf: d.Now(), How: how, Content: []content.Ref{}}}
		if set, ok := d.Content.Set(q.Site, "dose/reject"); ok {
			v.Provenance.Content = append(v.Provenance.Content, set.Ref())
		}
		for _, c := range all {
			v.N++
			v.Denominator++
			if c.Counted {
				v.Numerator++
			}
		}
		return v, err
	}
}

// cases yields them.
func cases(list lister) func(context.Context, evidence.Query) iter.Seq2[evidence.Case, error] {
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
