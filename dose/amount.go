package dose

import (
	"cmp"
	"slices"

	"radagora/ucum"
)

// A Quantity is what an amount is of. Each is kept in one unit, whatever the
// modality; see QuantityUnit.
type Quantity string

// The quantities of an examination, and of its events where that is said.
const (
	QuantityDLP            Quantity = "dlp"
	QuantityCTDIvolMax     Quantity = "ctdivol_max"     // of the highest event that is no localizer
	QuantityCTDIvolOverlap Quantity = "ctdivol_overlap" // where scans overlap most; see Overlapping
	QuantityCTDIvolMean    Quantity = "ctdivol_mean"    // of the diagnostic sequences
	QuantityDAP            Quantity = "dap"             // of events too
	QuantityDAPFluoro      Quantity = "dap_fluoro"
	QuantityDAPAcquis      Quantity = "dap_acquisition"
	QuantityDAPPlaneA      Quantity = "dap_plane_a"
	QuantityDAPPlaneB      Quantity = "dap_plane_b"
	QuantityRP             Quantity = "rp" // of events too; of both planes together it is for screening alone, never for skin
	QuantityRPFluoro       Quantity = "rp_fluoro"
	QuantityRPAcquis       Quantity = "rp_acquisition"
	QuantityRPPlaneA       Quantity = "rp_plane_a"
	QuantityRPPlaneB       Quantity = "rp_plane_b"
	QuantityFluoroTime     Quantity = "fluoro_time"
	QuantityImages         Quantity = "images" // frames of acquisitions; of radiography and mammography the exposures
	QuantityAGD            Quantity = "agd"    // both breasts together; of events, that is of views, too
	QuantityAGDLeft        Quantity = "agd_left"
	QuantityAGDRight       Quantity = "agd_right"
	QuantityEntrance       Quantity = "esd" // of events alone
	QuantityActivity       Quantity = "activity"
	QuantityActivityPerKg  Quantity = "activity_per_kg"
	QuantityEffective      Quantity = "effective"       // as reported
	QuantityEI             Quantity = "exposure_index"  // of events alone
	QuantityDI             Quantity = "deviation_index" // of events alone
	QuantityEITarget       Quantity = "exposure_target" // of events alone: the exposure index that was aimed at
	QuantityRepeated       Quantity = "repeated"        // of events alone: 1 if the report says that it repeats another, 0 if that it does not
)

// quantityUnits are the units in which quantities are kept, in UCUM.
var quantityUnits = map[Quantity]string{
	QuantityDLP: "mGy.cm", QuantityCTDIvolMax: "mGy", QuantityCTDIvolOverlap: "mGy", QuantityCTDIvolMean: "mGy",
	QuantityDAP: "Gy.m2", QuantityDAPFluoro: "Gy.m2", QuantityDAPAcquis: "Gy.m2", QuantityDAPPlaneA: "Gy.m2", QuantityDAPPlaneB: "Gy.m2",
	QuantityRP: "Gy", QuantityRPFluoro: "Gy", QuantityRPAcquis: "Gy", QuantityRPPlaneA: "Gy", QuantityRPPlaneB: "Gy",
	QuantityFluoroTime: "s", QuantityImages: "1", QuantityAGD: "mGy", QuantityAGDLeft: "mGy", QuantityAGDRight: "mGy", QuantityEntrance: "mGy",
	QuantityActivity: "MBq", QuantityActivityPerKg: "MBq/kg", QuantityEffective: "mSv", QuantityEffectiveEstimated: "mSv", QuantitySSDE: "mGy", QuantityEI: "1", QuantityDI: "1", QuantityEITarget: "1", QuantityRepeated: "1",
}

// QuantityUnit returns the unit in which a quantity is kept, in UCUM; "" if there
// is no such quantity.
func QuantityUnit(q Quantity) string { return quantityUnits[q] }

// How an amount was made.
const (
	MethodSummed   = "summed"   // over the events
	MethodDeclared = "declared" // by the reports
	MethodHighest  = "highest"  // of the events
	MethodMean     = "mean"     // of the events
	MethodCounted  = "counted"  // the events
	MethodDivided  = "divided"  // by the patient's weight
)

// BasisReported says that an amount is as reported, and not corrected by a
// calibration.
const BasisReported = "reported"

// An Amount is one quantity of an examination.
type Amount struct {
	Quantity Quantity
	Value    float64  // what counts
	Unit     string   // UCUM, that of the quantity
	Declared *float64 // as the reports state it, nil unless they state it of this examination alone
	Summed   *float64 // over its events, nil unless all of them tell it
	Events   int      // that told it
	Class    Class    // of the lowest rank among what told it
	Method   string   // see Method…
	Basis    string   // see BasisReported

	Corrected   *float64 // the value times the factor of a calibration, nil if none holds
	Factor      string   // exact
	Calibration string   // its id
}

// A dosed is an examination whose amounts are made.
type dosed struct {
	*Examination
	kind     Kind
	of       map[*Event]*Report
	declared Sums             // of this examination alone; nil if the reports tell of more
	parts    map[portion]Sums // the same by plane and side
	weight   *float64         // kg
	all      []Amount
}

// A portion names a plane, or a side of the body; one of them is "".
type portion struct{ Plane, Laterality string }

// amounts returns the amounts of an examination of a study, in the order of the
// quantities.
func (x *Examination) amounts(s *Study, of map[*Event]*Report, weight *float64) []Amount {
	d := dosed{Examination: x, kind: of[x.Events[0]].Kind, of: of, weight: weight}
	d.declared, d.parts = s.declaredOf(d.kind, x.Events, of)
	switch d.kind {
	case CT:
		d.ct()
	case Projection:
		d.projection()
	case Mammography:
		d.mammography()
	case Nuclear:
		d.nuclear()
	}
	d.sum(QuantityEffective, FieldEffective, d.Events)
	return d.all
}

// declaredOf returns what the reports of a kind declare in total, and by plane and
// side, if they tell of these events and no others; nil if not.
func (s *Study) declaredOf(kind Kind, events []*Event, of map[*Event]*Report) (Sums, map[portion]Sums) {
	told, own := 0, 0
	sums, parts := Sums{}, map[portion]Sums{}
	for _, r := range s.Reports {
		if r.Kind != kind {
			continue
		}
		if r.Class == FromImage || kind == Nuclear {
			return nil, nil
		}
		told += len(r.Events)
		for f, n := range r.DeclaredTotals() {
			sums.add(f, n)
		}
		for _, p := range r.Parts() {
			at := portion{p.Plane, p.Laterality}
			if parts[at] == nil {
				parts[at] = Sums{}
			}
			for f, n := range p.Totals {
				parts[at].add(f, n)
			}
		}
	}
	for _, e := range s.Events {
		if of[e].Kind == kind {
			own++
		}
	}
	if told != own || own != len(events) { // reports overlap, or there are other examinations
		return nil, nil
	}
	return sums, parts
}

// A figure is a number that several events tell together.
type figure struct {
	number ucum.Decimal
	events int
	whole  bool // all of them tell it
	class  Class
}

// figure adds up what events tell of a field.
func (d *dosed) figure(f Field, events []*Event) figure {
	g := figure{whole: len(events) > 0, class: FromReport}
	for _, e := range events {
		n, ok := e.Number(f)
		if !ok {
			g.whole = false
			continue
		}
		g.number, g.events = g.number.Add(n), g.events+1
		g.class = lower(g.class, d.class(e, f))
	}
	return g
}

// class returns what a value of an event is known from.
func (d *dosed) class(e *Event, f Field) Class { return classOf(e, f, d.of[e]) }

// classOf returns what a value of an event, taken from r, is known from.
func classOf(e *Event, f Field, r *Report) Class {
	if r.Class.entered() {
		return r.Class
	}
	if v, _ := e.Values.Find(f); v.Has(flagImage) || r.Class == FromImage {
		return FromImage
	}
	return FromReport
}

// sum adds the amount of a quantity: the sum over events if all tell it, or else
// what the reports declare.
func (d *dosed) sum(q Quantity, f Field, events []*Event) {
	d.add(q, d.figure(f, events), d.declared, f, false)
}

// add adds an amount, unless nobody tells it. What is declared of it may go before
// what the events tell.
func (d *dosed) add(q Quantity, g figure, declared Sums, f Field, declaredFirst bool) {
	a := Amount{Quantity: q, Unit: quantityUnits[q], Events: g.events, Class: g.class, Method: MethodSummed, Basis: BasisReported}
	if g.whole {
		a.Summed = float(&g.number)
	}
	if n, ok := declared[f]; ok {
		a.Declared = float(&n)
	}
	switch {
	case a.Declared != nil && (declaredFirst || a.Summed == nil):
		a.Value, a.Method, a.Class = *a.Declared, MethodDeclared, d.declaring()
	case a.Summed != nil:
		a.Value = *a.Summed
	default:
		return
	}
	a.Method = cmp.Or(d.byHand(f), a.Method)
	d.all = append(d.all, a)
}

// put adds an amount that is made of n events by a method of its own.
func (d *dosed) put(q Quantity, value ucum.Decimal, n int, class Class, method string) {
	d.all = append(d.all, Amount{
		Quantity: q, Value: value.Float(), Unit: quantityUnits[q], Events: n, Class: class, Method: method, Basis: BasisReported,
	})
}

// ct makes the amounts of a CT. A localizer may lack a dose; see Examination.DLP.
func (d *dosed) ct() {
	told := slices.DeleteFunc(slices.Clone(d.Events), func(e *Event) bool { _, ok := e.Number(FieldDLP); return !ok && e.Localizer() })
	d.add(QuantityDLP, d.figure(FieldDLP, told), d.declared, FieldDLP, false)
	if _, known := d.DLP(); !known { // a scan without dose: the examination is incomplete
		d.all = slices.DeleteFunc(d.all, func(a Amount) bool { return a.Quantity == QuantityDLP })
	}
	var highest ucum.Decimal
	n, class := 0, FromReport
	for _, e := range d.Events {
		if v, ok := e.Number(FieldCTDIvol); ok && !e.Localizer() {
			if n == 0 || v.Cmp(highest) > 0 {
				highest, class = v, d.class(e, FieldCTDIvol)
			}
			n++
		}
	}
	if n > 0 {
		d.put(QuantityCTDIvolMax, highest, n, class, MethodHighest)
	}
	d.overlap()
	g := d.figure(FieldCTDIvol, d.Sequences())
	if mean, ok := g.number.Quo(ucum.Int(int64(g.events))); ok {
		d.put(QuantityCTDIvolMean, mean, g.events, g.class, MethodMean)
	}
}

// projection makes the amounts of radiography and fluoroscopy.
func (d *dosed) projection() {
	fluoro := d.where(func(e *Event) bool { return e.Type == "fluoroscopy" })
	acquis := d.where(func(e *Event) bool { return e.Type != "fluoroscopy" })
	d.sum(QuantityDAP, FieldDAP, d.Events)
	d.sum(QuantityRP, FieldRP, d.Events)
	time, declared := d.declared[FieldFluoroTime]
	if len(fluoro) > 0 || declared && time.Sign() > 0 {
		d.sub(QuantityDAPFluoro, FieldDAP, fluoro, FieldFluoroDAP)
		d.sub(QuantityDAPAcquis, FieldDAP, acquis, FieldAcquisDAP)
		d.sub(QuantityRPFluoro, FieldRP, fluoro, FieldFluoroRP)
		d.sub(QuantityRPAcquis, FieldRP, acquis, FieldAcquisRP)
		d.add(QuantityFluoroTime, d.figure(FieldDuration, fluoro), d.declared, FieldFluoroTime, true)
		d.add(QuantityImages, d.figure(FieldPulses, acquis), d.declared, FieldFrames, true)
	} else {
		d.exposures()
	}
	d.planes()
}

// sub adds the amount of a part of the events, which reports declare in a field of
// its own. Of no events there is a sum only if the reports say so.
func (d *dosed) sub(q Quantity, f Field, events []*Event, total Field) {
	d.add(q, d.figure(f, events), d.declared, total, false)
}

// exposures counts the events.
func (d *dosed) exposures() {
	if d.declaring().entered() {
		return // an entry tells of an examination, and not of how many exposures it had
	}
	class := FromReport
	for _, e := range d.Events {
		class = lower(class, Class(orText(string(d.of[e].Class), string(FromReport))))
	}
	d.put(QuantityImages, ucum.Int(int64(len(d.Events))), len(d.Events), class, MethodCounted)
}

// planes adds the amounts of each plane of a biplane system.
func (d *dosed) planes() {
	planeB := portion{Plane: "B"}
	if d.parts[planeB] == nil && len(d.where(func(e *Event) bool { return e.Plane == "B" })) == 0 {
		return
	}
	for _, p := range []struct {
		plane   string
		dap, rp Quantity
	}{{"A", QuantityDAPPlaneA, QuantityRPPlaneA}, {"B", QuantityDAPPlaneB, QuantityRPPlaneB}} {
		own := d.where(func(e *Event) bool { return e.Plane == p.plane })
		declared := d.parts[portion{Plane: p.plane}]
		d.add(p.dap, d.figure(FieldDAP, own), declared, FieldDAP, false)
		d.add(p.rp, d.figure(FieldRP, own), declared, FieldRP, false)
	}
}

// mammography makes the amounts of a mammography. A breast without a view has none.
func (d *dosed) mammography() {
	d.sum(QuantityAGD, FieldAGD, d.Events)
	for _, side := range []struct {
		laterality string
		quantity   Quantity
	}{{"left", QuantityAGDLeft}, {"right", QuantityAGDRight}} {
		own := d.where(func(e *Event) bool { return e.Laterality == side.laterality })
		declared := d.parts[portion{Laterality: side.laterality}]
		if n := declared[FieldAGD]; len(own) > 0 || n.Sign() > 0 {
			d.add(side.quantity, d.figure(FieldAGD, own), declared, FieldAGD, false)
		}
	}
	d.exposures()
}

// nuclear makes the amounts of an administration.
func (d *dosed) nuclear() {
	d.sum(QuantityActivity, FieldActivity, d.Events)
	if len(d.all) == 0 || d.weight == nil || *d.weight <= 0 {
		return
	}
	a := d.all[0]
	a.Quantity, a.Unit, a.Method = QuantityActivityPerKg, quantityUnits[QuantityActivityPerKg], MethodDivided
	a.Value, a.Declared, a.Summed = a.Value / *d.weight, nil, nil
	d.all = append(d.all, a)
}

// where returns the events for which a condition holds.
func (d *dosed) where(is func(*Event) bool) []*Event {
	var all []*Event
	for _, e := range d.Events {
		if is(e) {
			all = append(all, e)
		}
	}
	return all
}

// eventQuantities are the quantities that are kept of single events, by kind. DLP
// and CTDIvol of CT have columns of their own.
var eventQuantities = map[Kind][]struct {
	quantity Quantity
	field    Field
}{
	Projection: {
		{QuantityDAP, FieldDAP},
		{QuantityRP, FieldRP},
		{QuantityEntrance, FieldEntrance},
		{QuantityEI, FieldEI},
		{QuantityDI, FieldDI},
		{QuantityEITarget, FieldEITarget},
	},
	Mammography: {{QuantityAGD, FieldAGD}, {QuantityEntrance, FieldEntrance}, {QuantityEI, FieldEI}, {QuantityDI, FieldDI}, {QuantityEITarget, FieldEITarget}},
	Nuclear:     {{QuantityActivity, FieldActivity}, {QuantityEffective, FieldEffective}},
}
