package demo

import (
	"math"
	"strconv"
	"time"

	"radagora/dicom/sr"
)

// A compression is one exposure of a breast.
type compression struct {
	*view
	breast
	name                 string // the UID is derived from
	at                   time.Time
	glandular, entrances int64 // 0.01 mGy
	mm, charge, time     int64 // uA.s, ms
}

// mammographies returns the report of a visit to the mammography room.
func (m *maker) mammographies(base report) []*report {
	v := base.visit
	d := m.dice("breast", v.name)
	typical := m.breasts[pick(d, m.breasts, func(b breast) float64 { return b.weight })]
	at := base.started.Add(2 * time.Minute)
	var all []compression
	for i, x := range v.what.views {
		if !d.chance(x.share) {
			continue
		}
		more := d.around(1, x.spread) * v.volume.start
		all = append(all, compression{
			view: x, breast: typical, name: v.name + "|" + strconv.Itoa(i), at: at,
			glandular: steps(typical.agd*more, 0.01), entrances: steps(typical.entrance*more, 0.01),
			mm: int64(typical.thickness) - 4 + d.Int64N(9), charge: steps(x.charge*more, 1e-3), time: int64(math.Round(x.time * more)),
		})
		at = at.Add(time.Duration(50+d.IntN(40)) * time.Second)
	}
	base.instance = v.name
	base.template, base.procedure = "10001", v.room.code(termMammography)
	base.started, base.ended = all[0].at, all[len(all)-1].at
	base.finish(time.Minute)
	base.body = func(r *report) []*sr.Item { return r.mammography(all) }
	return []*report{&base}
}

// mammography returns totals and events (TID 10002, 10005, 10003).
func (r *report) mammography(all []compression) []*sr.Item {
	room := r.visit.room
	sums := map[string]int64{}
	var events list
	for _, c := range all {
		sums[c.laterality] += c.glandular
		events = append(events, r.compressed(c))
	}
	total := list{sr.NewCode(sr.HasConceptMod, dcm("113764", "Acquisition Plane"), single)}
	for _, side := range []string{"left", "right"} {
		total = append(total, sr.NewNum(sr.Contains, dcm("111637", "Accumulated Average Glandular Dose"), fixed(sums[side], 2), unit("mGy", "mGy"),
			sr.NewCode(sr.HasConceptMod, room.code(termLaterality), room.code(breasts[side]))))
	}
	head := r.sources()
	head = append(head, sr.NewContainer(sr.Contains, dcm("113702", "Accumulated X-Ray Dose Data"), total...))
	return append(head, events...)
}

// compressed returns one event (TID 10003 and those it includes).
func (r *report) compressed(c compression) *sr.Item {
	room := r.visit.room
	mgy := unit("mGy", "mGy")
	l := list{sr.NewCode(sr.HasConceptMod, dcm("113764", "Acquisition Plane"), single)}
	l.text(sr.Contains, "UIDREF", dcm("113769", "Irradiation Event UID"), r.m.uid("event", c.name).String())
	l.text(sr.Contains, "DATETIME", dcm("111526", "DateTime Started"), c.at.Format(momentForm))
	l.code(sr.Contains, dcm("113721", "Irradiation Event Type"), standing)
	l.text(sr.Contains, "TEXT", dcm("125203", "Acquisition Protocol"), c.protocol)
	l = append(l, sr.NewCode(sr.Contains, room.code(termAnatomy), room.region(c.region),
		sr.NewCode(sr.HasConceptMod, room.code(termLaterality), room.code(sides[c.laterality]))))
	l.code(sr.Contains, dcm("111031", "Image View"), room.code(projections[c.view.view]))
	l.code(sr.Contains, dcm("123014", "Target Region"), room.region(c.region))
	l.num(dcm("111634", "Half Value Layer"), int64(math.Round(c.hvl*100)), 2, milli)
	l.num(dcm("111636", "Entrance Exposure at RP"), c.entrances, 2, mgy)
	l.num(dcm("111631", "Average Glandular Dose"), c.glandular, 2, mgy)
	l.num(dcm("113733", "KVP"), int64(c.kv), 0, unit("kV", "kV"))
	l.num(dcm("113734", "X-Ray Tube Current"), int64(c.current), 0, unit("mA", "mA"))
	l.num(dcm("113824", "Exposure Time"), c.time, 0, unit("ms", "ms"))
	l.num(dcm("113736", "Exposure"), c.charge, 0, unit("uA.s", "uA.s"))
	l.code(sr.Contains, dcm("111632", "Anode Target Material"), room.code(termTungsten))
	var filter list
	filter.code(sr.Contains, dcm("113772", "X-Ray Filter Type"), dcm("113653", "Flat filter"))
	filter.code(sr.Contains, dcm("113757", "X-Ray Filter Material"), room.code(termRhodium))
	filter.num(dcm("113758", "X-Ray Filter Thickness Minimum"), int64(math.Round(c.filter*100)), 2, milli)
	filter.num(dcm("113773", "X-Ray Filter Thickness Maximum"), int64(math.Round(c.filter*100)), 2, milli)
	l = append(l, sr.NewContainer(sr.Contains, dcm("113771", "X-Ray Filters"), filter...))
	l.num(dcm("111633", "Compression Thickness"), c.mm, 0, milli)
	l.num(dcm("113750", "Distance Source to Detector"), int64(c.sid), 0, milli)
	l = append(l, r.device())
	return sr.NewContainer(sr.Contains, dcm("113706", "Irradiation Event X-Ray Data"), l...)
}
