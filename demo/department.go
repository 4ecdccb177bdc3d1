package demo

import (
	"cmp"
	"errors"
	"math"

	"radagora/content"
	"radagora/fault"
)

// A department is the content set demo/department.
type department struct {
	rooms      []*room
	procedures map[string]*procedure
	volumes    []*volume
	gaps       []gap
	checks     []doseCheck
	steps      []step
	logs       []rejectLog
	reasons    []localReason
	screens    []doseScreen
	hours      map[string][24]float64
	days       map[string]map[string]float64 // weight by name of the day, or "holiday"
	holidays   [][2]int                      // month, day
	ages       map[string][]ageBand
	bodies     map[string][]body // by sex, the youngest first
	words      []string
	breasts    []breast
	numbers    map[string]float64
	persons    map[string]int // how many visits each group of patients makes
	problem    error
}

// A room is a row of rooms.
type room struct {
	id, name, area, kind, modality, ae   string
	manufacturer, model, serial, station string
	software, later                      string
	laterAfter                           float64 // share of the year
	enhanced, srt, localizerDose, timed  bool
	sizeKnown                            float64
	profile                              string
	growing, again                       int // once in so many visits
}

// A procedure is a row of procedures with what belongs to it.
type procedure struct {
	id, kind, description, patients string
	returns                         float64
	minutes                         int
	partNames                       []string
	parts                           []*procedure
	each                            bool // each part is an order of its own
	scans                           []*scan
	views                           []*view
	runs                            []*run
	given                           *administration // nil unless a radiopharmaceutical is
}

// A volume is a row of volumes.
type volume struct {
	room       *room
	procedure  *procedure
	n          int
	start, end float64 // factor of dose at the beginning and end of the year
	phantom    string  // that reports name instead of the right one
	before     int     // persons of the same group in the rows above
}

// A gap is a row of gaps.
type gap struct {
	room string
	back int
}

// A scan is a row of acquisitions.
type scan struct {
	procedure, protocol, kind, region, phantom string
	kvp, ctdi, spread, byWeight                float64
	length, lengthSpread, pitch                float64
	single, total, rotation, perMAS            float64
	contrast                                   bool
	share                                      float64
}

// A view is a row of views.
type view struct {
	procedure, protocol, region, laterality, view string
	kv, charge, time, current                     float64
	dap, rp, spread, byWeight, sid                float64
	index, target, share                          float64
}

// A run is a row of interventions.
type run struct {
	procedure, protocol, kind, region string
	runs, runsSpread                  float64
	kv, current, pulse, rate, seconds float64
	dap, rp, spread, byWeight, sid    float64
}

// A breast is a row of breasts.
type breast struct{ thickness, weight, agd, entrance, hvl, filter float64 }

// An ageBand is a row of ages.
type ageBand struct{ from, to, weight float64 }

// A body is a row of bodies.
type body struct{ age, height, weight, heightSpread, weightSpread float64 }

// rows reads a table of demo/department. Problems are kept for the end.
func rows[T any](d *department, library *content.Library, name string, one func(*content.Row) T) []T {
	all, err := table(library, "demo/department", name, one)
	d.problem = errors.Join(d.problem, err)
	return all
}

// number reads a number; an empty field is 0.
func number(r *content.Row, column string) float64 {
	n, _ := r.Number(column)
	return n
}

// whole reads a whole number; an empty field is 0.
func whole(r *content.Row, column string) int {
	n, _ := r.Int(column)
	return n
}

// once turns a share into once in so many.
func once(share float64) int {
	if share <= 0 {
		return 0
	}
	return max(1, int(1/share+0.5))
}

// read reads demo/department.
func read(library *content.Library, size Size) (*department, error) {
	d := &department{
		procedures: map[string]*procedure{}, hours: map[string][24]float64{}, days: map[string]map[string]float64{},
		ages: map[string][]ageBand{}, bodies: map[string][]body{}, persons: map[string]int{}, numbers: map[string]float64{},
	}
	d.readRooms(library)
	d.readProcedures(library)
	d.readTimes(library)
	d.readPersons(library)
	if d.problem == nil {
		d.readVolumes(library, size)
	}
	if d.problem == nil {
		d.join()
	}
	if d.problem != nil {
		return nil, fault.As(cmp.Or(fault.Of(d.problem), fault.Invalid), d.problem)
	}
	return d, nil
}

// readRooms reads rooms and gaps.
func (d *department) readRooms(library *content.Library) {
	d.rooms = rows(d, library, "rooms", func(r *content.Row) *room {
		return &room{
			id: r.Text("room"), name: r.Text("name"), area: r.Text("area"), kind: r.Text("kind"),
			modality: r.Text("modality"), ae: r.Text("ae_title"), manufacturer: r.Text("manufacturer"),
			model: r.Text("model"), serial: r.Text("serial"), station: r.Text("station"),
			software: r.Text("software"), later: r.Text("software_later"), laterAfter: number(r, "later_after"),
			enhanced: r.Text("sop_class") == "enhanced", srt: r.Text("scheme") == "SRT",
			localizerDose: r.Yes("localizer_dose"), timed: r.Yes("event_time"), sizeKnown: number(r, "size_known"),
			profile: r.Text("profile"), growing: once(number(r, "growing")), again: once(number(r, "again")),
		}
	})
	d.gaps = rows(d, library, "gaps", func(r *content.Row) gap { return gap{r.Text("room"), whole(r, "quarters_back")} })
	d.steps = rows(d, library, "steps", func(r *content.Row) step {
		return step{r.Text("room"), r.Text("protocol"), number(r, "after"), number(r, "kvp"), number(r, "dose")}
	})
	d.readLogs(library)
	d.checks = rows(d, library, "dose_checks", func(r *content.Row) doseCheck {
		return doseCheck{
			room: r.Text("room"), protocol: r.Text("protocol"), reason: r.Text("reason"),
			ctdi: int64(math.Round(number(r, "ctdivol_mgy") * 100)), dlp: int64(math.Round(number(r, "dlp_mgycm") * 100)),
		}
	})
}

// readProcedures reads procedures and what belongs to them.
func (d *department) readProcedures(library *content.Library) {
	for _, p := range rows(d, library, "procedures", func(r *content.Row) *procedure {
		return &procedure{
			id: r.Text("procedure"), kind: r.Text("kind"), description: r.Text("description"), patients: r.Text("patients"),
			returns: number(r, "returns"), minutes: whole(r, "minutes"), partNames: r.List("parts"), each: r.Text("accession") == "each",
		}
	}) {
		d.procedures[p.id] = p
	}
	for _, s := range rows(d, library, "acquisitions", readScan) {
		d.to(s.procedure, func(p *procedure) { p.scans = append(p.scans, s) })
	}
	for _, v := range rows(d, library, "views", readView) {
		d.to(v.procedure, func(p *procedure) { p.views = append(p.views, v) })
	}
	for _, x := range rows(d, library, "interventions", readRun) {
		d.to(x.procedure, func(p *procedure) { p.runs = append(p.runs, x) })
	}
	for _, x := range rows(d, library, "administrations", func(r *content.Row) *administration {
		return &administration{
			procedure: r.Text("procedure"), agent: r.Text("agent"), nuclide: r.Text("nuclide"), halfLife: number(r, "half_life_s"),
			activity: number(r, "activity"), perKg: r.Yes("per_kg"), spread: number(r, "spread"), before: whole(r, "minutes_before"),
		}
	}) {
		d.to(x.procedure, func(p *procedure) { p.given = x })
	}
}

// to hands a procedure to add, or notes that there is none of this name.
func (d *department) to(id string, add func(*procedure)) {
	p := d.procedures[id]
	if p == nil {
		d.problem = errors.Join(d.problem, fault.Errorf(fault.Invalid, "demo/department: no procedure %q", id))
		return
	}
	add(p)
}

// readScan reads a row of acquisitions.
func readScan(r *content.Row) *scan {
	return &scan{
		procedure: r.Text("procedure"), protocol: r.Text("protocol"), kind: r.Text("type"), region: r.Text("region"),
		phantom: r.Text("phantom"), kvp: number(r, "kvp"), ctdi: number(r, "ctdivol_mgy"), spread: number(r, "spread"),
		byWeight: number(r, "by_weight"), length: number(r, "length_mm"), lengthSpread: number(r, "length_spread"),
		pitch: number(r, "pitch"), single: number(r, "single_mm"), total: number(r, "total_mm"),
		rotation: number(r, "rotation_s"), perMAS: number(r, "mgy_per_mas"), contrast: r.Yes("contrast"), share: number(r, "share"),
	}
}

// readView reads a row of views.
func readView(r *content.Row) *view {
	return &view{
		procedure: r.Text("procedure"), protocol: r.Text("protocol"), region: r.Text("region"),
		laterality: r.Text("laterality"), view: r.Text("view"), kv: number(r, "kv"), charge: number(r, "charge_mas"),
		time: number(r, "time_ms"), current: number(r, "current_ma"), dap: number(r, "dap_gym2"), rp: number(r, "rp_gy"),
		spread: number(r, "spread"), byWeight: number(r, "by_weight"), sid: number(r, "sid_mm"),
		index: number(r, "exposure_index"), target: number(r, "target_index"), share: number(r, "share"),
	}
}

// readRun reads a row of interventions.
func readRun(r *content.Row) *run {
	return &run{
		procedure: r.Text("procedure"), protocol: r.Text("protocol"), kind: r.Text("type"), region: r.Text("region"),
		runs: number(r, "runs"), runsSpread: number(r, "runs_spread"), kv: number(r, "kv"), current: number(r, "current_ma"),
		pulse: number(r, "pulse_ms"), rate: number(r, "pulse_rate"), seconds: number(r, "seconds"),
		dap: number(r, "dap_gym2"), rp: number(r, "rp_gy"), spread: number(r, "spread"), byWeight: number(r, "by_weight"), sid: number(r, "sid_mm"),
	}
}

// readTimes reads when rooms work.
func (d *department) readTimes(library *content.Library) {
	rows(d, library, "hours", func(r *content.Row) (none struct{}) {
		profile := d.hours[r.Text("profile")]
		if h := whole(r, "hour"); h < len(profile) {
			profile[h] = number(r, "weight")
		}
		d.hours[r.Text("profile")] = profile
		return none
	})
	rows(d, library, "days", func(r *content.Row) (none struct{}) {
		if d.days[r.Text("profile")] == nil {
			d.days[r.Text("profile")] = map[string]float64{}
		}
		d.days[r.Text("profile")][r.Text("day")] = number(r, "weight")
		return none
	})
	d.holidays = rows(d, library, "holidays", func(r *content.Row) [2]int { return [2]int{whole(r, "month"), whole(r, "day")} })
}

// readPersons reads who comes.
func (d *department) readPersons(library *content.Library) {
	rows(d, library, "ages", func(r *content.Row) (none struct{}) {
		group := r.Text("patients")
		d.ages[group] = append(d.ages[group], ageBand{number(r, "from_year"), number(r, "to_year"), number(r, "weight")})
		return none
	})
	rows(d, library, "bodies", func(r *content.Row) (none struct{}) {
		sex := r.Text("sex")
		d.bodies[sex] = append(d.bodies[sex], body{
			number(r, "age_year"), number(r, "height_m"), number(r, "weight_kg"),
			number(r, "height_spread"), number(r, "weight_spread"),
		})
		return none
	})
	rows(d, library, "numbers", func(r *content.Row) (none struct{}) {
		d.numbers[r.Text("name")] = number(r, "value")
		return none
	})
	d.words = rows(d, library, "words", func(r *content.Row) string { return r.Text("word") })
	d.breasts = rows(d, library, "breasts", func(r *content.Row) breast {
		return breast{
			number(r, "thickness_mm"), number(r, "weight"), number(r, "agd_mgy"),
			number(r, "entrance_mgy"), number(r, "hvl_mm"), number(r, "filter_mm"),
		}
	})
}

// readVolumes reads how much rooms do.
func (d *department) readVolumes(library *content.Library, size Size) {
	rooms := map[string]*room{}
	for _, r := range d.rooms {
		rooms[r.id] = r
	}
	d.volumes = rows(d, library, "volumes", func(r *content.Row) *volume {
		v := &volume{
			room: rooms[r.Text("room")], procedure: d.procedures[r.Text("procedure")], n: whole(r, string(size)),
			start: number(r, "dose_start"), end: number(r, "dose_end"), phantom: r.Text("phantom"),
		}
		if v.room == nil || v.procedure == nil {
			d.problem = errors.Join(d.problem, fault.Errorf(fault.Invalid, "demo/department: volumes, line %d: no such room or procedure", r.Line()))
			return v
		}
		v.before = d.persons[v.procedure.patients]
		d.persons[v.procedure.patients] += v.n
		return v
	})
}

// join puts parts of procedures in their place and checks what could not be made.
func (d *department) join() {
	for _, p := range d.procedures {
		for _, name := range p.partNames {
			d.to(name, func(part *procedure) { p.parts = append(p.parts, part) })
		}
		if len(p.parts) == 0 {
			p.parts = []*procedure{p}
		}
	}
	for _, v := range d.volumes {
		if p := v.procedure; v.room.kind == "nm" && p.given == nil {
			d.problem = errors.Join(d.problem, fault.Errorf(fault.Invalid, "demo/department: administrations has no %s", p.id))
		}
		if p := v.procedure; len(d.ages[p.patients]) == 0 && p.patients != phantoms {
			d.problem = errors.Join(d.problem, fault.Errorf(fault.Invalid, "demo/department: ages has no patients %q", p.patients))
		}
	}
	for _, name := range []string{"reference_weight", "localizer_speed", "localizer_current", "bolus_current", "retelling_hours"} {
		if d.numbers[name] <= 0 {
			d.problem = errors.Join(d.problem, fault.Errorf(fault.Invalid, "demo/department: numbers lacks %s", name))
		}
	}
	if len(d.words) == 0 || len(d.bodies["F"]) == 0 || len(d.bodies["M"]) == 0 || len(d.breasts) == 0 {
		d.problem = errors.Join(d.problem, fault.Errorf(fault.Invalid, "demo/department: words, bodies of F and M and breasts are needed"))
	}
}
