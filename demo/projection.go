package demo

import (
	"math"
	"strconv"
	"time"

	"radagora/dicom/sr"
)

// A shot is one irradiation of a projection room. Doses are whole numbers of what
// fixed writes.
type shot struct {
	name                       string // the UID is derived from
	at                         time.Time
	protocol, region, view     string
	kind                       sr.Code
	dap                        int64 // 1e-9 Gy.m2
	rp                         int64 // 1e-6 Gy
	pulses                     int64
	kv, current, charge, time  int64 // kV, mA, uA.s, 0.1 ms
	sid                        int64 // mm
	pulse, rate                float64
	index, target, fluoroscopy int64 // exposure indices in 0.1; centiseconds
}

var (
	gym2     = unit("Gy.m2", "Gy.m2")
	gray     = unit("Gy", "Gy")
	one      = unit("1", "no units")
	milli    = unit("mm", "mm")
	second   = unit("s", "s")
	single   = dcm("113622", "Single Plane")
	standing = dcm("113611", "Stationary Acquisition")
)

// radiographs returns the report of a visit to a radiography room.
func (m *maker) radiographs(base report) []*report {
	all := m.views(base)
	base.instance = base.visit.name
	base.irradiated(all)
	base.body = func(r *report) []*sr.Item { return r.projection(all) }
	return []*report{&base}
}

// views throws the exposures of a visit to a radiography room.
func (m *maker) views(base report) []shot {
	at, v := base.started.Add(time.Minute), base.visit
	var all []shot
	for i, x := range v.what.views {
		name := v.name + "|" + strconv.Itoa(i)
		d := m.dice("view", name)
		if d.chance(x.share) {
			all = append(all, m.shot(d, x, base, shot{name: name, at: at}))
			at = at.Add(time.Duration(40+d.IntN(50)) * time.Second)
		}
	}
	return all
}

// irradiated sets what a projection report says of its shots as a whole.
func (r *report) irradiated(all []shot) {
	r.template, r.procedure = "10001", dcm("113704", "Projection X-Ray")
	r.started, r.ended = all[0].at, all[len(all)-1].at
	r.finish(90 * time.Second)
}

// shot throws the numbers of a radiograph of s's name and time.
func (m *maker) shot(d dice, x *view, base report, s shot) shot {
	v := base.visit.volume
	more := d.around(m.factor(base.patient, x.byWeight), x.spread) * v.start
	s.protocol, s.region, s.view, s.kind = x.protocol, x.region, x.view, standing
	s.dap, s.rp = steps(x.dap*more, 1e-9), steps(x.rp*more, 1e-6)
	s.pulses, s.kv, s.sid = 1, int64(x.kv), int64(x.sid)
	s.current, s.charge = int64(x.current), steps(x.charge*more, 1e-3)
	s.time = steps(x.charge*more/x.current, 1e-4)
	s.target, s.index = steps(x.target, 0.1), steps(d.around(x.index, 0.15), 0.1)
	return s
}

// steps returns how many steps x is, at least one.
func steps(x, step float64) int64 { return max(1, int64(math.Round(x/step))) }

// projection returns totals and events of radiographs (TID 10002, 10007, 10003).
func (r *report) projection(all []shot) []*sr.Item {
	var dap, rp int64
	var events list
	for _, s := range all {
		dap, rp = dap+s.dap, rp+s.rp
		l := r.begun(s)
		l.num(dcm("122130", "Dose Area Product"), s.dap, 9, gym2)
		l.num(dcm("113845", "Exposure Index"), s.index, 1, one)
		l.num(dcm("113846", "Target Exposure Index"), s.target, 1, one)
		l = append(l, sr.NewNum(sr.Contains, dcm("113847", "Deviation Index"), deviation(s), one))
		l.num(dcm("113738", "Dose (RP)"), s.rp, 6, gray)
		l = append(l, s.tube()...)
		l.num(dcm("113750", "Distance Source to Detector"), s.sid, 0, milli)
		l = append(l, r.device())
		events = append(events, sr.NewContainer(sr.Contains, dcm("113706", "Irradiation Event X-Ray Data"), l...))
	}
	total := list{sr.NewCode(sr.HasConceptMod, dcm("113764", "Acquisition Plane"), single)}
	total.num(dcm("113722", "Dose Area Product Total"), dap, 9, gym2)
	total.num(dcm("113725", "Dose (RP) Total"), rp, 6, gray)
	total.num(dcm("113731", "Total Number of Radiographic Frames"), int64(len(all)), 0, one)
	total.code(sr.Contains, dcm("113780", "Reference Point Definition"), dcm("113941", "In Detector Plane"))
	head := r.sources()
	head = append(head, sr.NewContainer(sr.Contains, dcm("113702", "Accumulated X-Ray Dose Data"), total...))
	return append(head, events...)
}

// deviation returns the deviation index of an exposure (IEC 62494-1): ten times
// the logarithm of the exposure index over its target.
func deviation(s shot) string {
	return strconv.FormatFloat(10*math.Log10(float64(s.index)/float64(s.target)), 'f', 2, 64)
}

// sources returns what data the events hold (TID 10001 rows 8 to 10).
func (r *report) sources() list {
	yes := r.visit.room.code(termYes)
	var l list
	l.code(sr.Contains, dcm("113945", "X-Ray Detector Data Available"), yes)
	l.code(sr.Contains, dcm("113943", "X-Ray Source Data Available"), yes)
	l.code(sr.Contains, dcm("113944", "X-Ray Mechanical Data Available"), yes)
	return l
}

// begun returns what every projection event begins with (TID 10003).
func (r *report) begun(s shot) list {
	room := r.visit.room
	l := list{sr.NewCode(sr.HasConceptMod, dcm("113764", "Acquisition Plane"), single)}
	l.text(sr.Contains, "UIDREF", dcm("113769", "Irradiation Event UID"), r.m.uid("event", s.name).String())
	l.text(sr.Contains, "DATETIME", dcm("111526", "DateTime Started"), s.at.Format(momentForm))
	l.code(sr.Contains, dcm("113721", "Irradiation Event Type"), s.kind)
	l.text(sr.Contains, "TEXT", dcm("125203", "Acquisition Protocol"), s.protocol)
	l.code(sr.Contains, room.code(termAnatomy), room.region(s.region))
	if t, ok := projections[s.view]; ok {
		l.code(sr.Contains, dcm("111031", "Image View"), room.code(t))
	}
	l.code(sr.Contains, dcm("123014", "Target Region"), room.region(s.region))
	return l
}

// tube returns what the tube did (TID 10003B).
func (s shot) tube() list {
	var l list
	if s.rate > 0 {
		l.code(sr.Contains, dcm("113732", "Fluoro Mode"), dcm("113631", "Pulsed"))
		l.num(dcm("113791", "Pulse Rate"), tenths(s.rate), 1, unit("{pulse}/s", "pulse/s"))
	}
	l.num(dcm("113768", "Number of Pulses"), s.pulses, 0, one)
	if s.pulse > 0 {
		l.num(dcm("113793", "Pulse Width"), tenths(s.pulse), 1, unit("ms", "ms"))
	}
	l.num(dcm("113733", "KVP"), s.kv, 0, unit("kV", "kV"))
	l.num(dcm("113734", "X-Ray Tube Current"), s.current, 0, unit("mA", "mA"))
	l.num(dcm("113824", "Exposure Time"), s.time, 1, unit("ms", "ms"))
	l.num(dcm("113736", "Exposure"), s.charge, 0, unit("uA.s", "uA.s"))
	return l
}

// interventions returns the report of a visit to an angiography room.
func (m *maker) interventions(base report) []*report {
	v := base.visit
	var all []shot
	d := m.dice("intervention", v.name)
	at := base.started.Add(4 * time.Minute)
	// The patient's size and the difficulty of the case are in every run of it.
	for i, x := range v.what.runs {
		hard := d.around(1, x.spread/2)
		for n := range steps(d.around(x.runs, x.runsSpread), 1) {
			s := shot{name: v.name + "|" + strconv.Itoa(i) + "|" + strconv.FormatInt(n, 10), at: at}
			all = append(all, m.series(d, x, base, s, hard))
			at = at.Add(time.Duration(20+d.IntN(60)) * time.Second)
		}
	}
	base.instance, base.intent = v.name, termCombined
	base.irradiated(all)
	base.body = func(r *report) []*sr.Item { return r.intervention(all) }
	return []*report{&base}
}

// series throws the numbers of one run.
func (m *maker) series(d dice, x *run, base report, s shot, hard float64) shot {
	more := d.around(hard*m.factor(base.patient, x.byWeight), x.spread/2) * base.visit.volume.start
	seconds := d.around(x.seconds, x.spread/2)
	s.protocol, s.region, s.kind = x.protocol, x.region, standing
	s.dap, s.rp = steps(x.dap*more, 1e-9), steps(x.rp*more, 1e-6)
	s.pulses = steps(seconds*x.rate, 1)
	s.kv, s.current, s.sid = int64(x.kv), int64(x.current), int64(x.sid)
	s.pulse, s.rate = x.pulse, x.rate
	s.time = steps(float64(s.pulses)*x.pulse, 0.1)
	s.charge = max(1, s.current*s.time/10)
	if x.kind == "fluoroscopy" {
		s.kind = base.visit.room.code(termFluoroscopy)
		s.fluoroscopy = steps(seconds, 0.01)
	}
	return s
}

// intervention returns totals and events of runs (TID 10002, 10004, 10003).
func (r *report) intervention(all []shot) []*sr.Item {
	type sums struct{ dap, rp, time, frames int64 }
	var fluoro, acquired sums
	var events list
	point := dcm("113860", "15cm from Isocenter toward Source")
	for _, s := range all {
		to := &acquired
		if s.fluoroscopy > 0 {
			to = &fluoro
		}
		took := s.fluoroscopy
		if took == 0 {
			took = steps(float64(s.pulses)/s.rate, 0.01)
		}
		to.dap, to.rp, to.time, to.frames = to.dap+s.dap, to.rp+s.rp, to.time+took, to.frames+s.pulses
		l := r.begun(s)
		l.num(dcm("122130", "Dose Area Product"), s.dap, 9, gym2)
		l.code(sr.Contains, dcm("113780", "Reference Point Definition"), point)
		l.num(dcm("113738", "Dose (RP)"), s.rp, 6, gray)
		l = append(l, s.tube()...)
		l.num(dcm("113742", "Irradiation Duration"), took, 2, second)
		l.num(dcm("113750", "Distance Source to Detector"), s.sid, 0, milli)
		l = append(l, r.device())
		events = append(events, sr.NewContainer(sr.Contains, dcm("113706", "Irradiation Event X-Ray Data"), l...))
	}
	total := list{sr.NewCode(sr.HasConceptMod, dcm("113764", "Acquisition Plane"), single)}
	total.num(dcm("113722", "Dose Area Product Total"), fluoro.dap+acquired.dap, 9, gym2)
	total.num(dcm("113725", "Dose (RP) Total"), fluoro.rp+acquired.rp, 6, gray)
	total.num(dcm("113726", "Fluoro Dose Area Product Total"), fluoro.dap, 9, gym2)
	total.num(dcm("113728", "Fluoro Dose (RP) Total"), fluoro.rp, 6, gray)
	total.num(dcm("113730", "Total Fluoro Time"), fluoro.time, 2, second)
	total.num(dcm("113727", "Acquisition Dose Area Product Total"), acquired.dap, 9, gym2)
	total.num(dcm("113729", "Acquisition Dose (RP) Total"), acquired.rp, 6, gray)
	total.num(dcm("113855", "Total Acquisition Time"), acquired.time, 2, second)
	total.num(dcm("113731", "Total Number of Radiographic Frames"), acquired.frames, 0, one)
	total.code(sr.Contains, dcm("113780", "Reference Point Definition"), point)
	head := r.sources()
	head = append(head, sr.NewContainer(sr.Contains, dcm("113702", "Accumulated X-Ray Dose Data"), total...))
	return append(head, events...)
}
