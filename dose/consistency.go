package dose

import (
	"radagora/ucum"
)

// check notes what does not hold together in a report (dose brief 10.1).
func (t Thresholds) check(r *Report, w *warnings) {
	t.totals(r, w)
	t.parts(r, w)
	if n, ok := r.Declared(); ok && n != int64(len(r.Events)) {
		w.add(r.Totals[0].Path, WarnCountMismatch, len(r.Events), ucum.Int(n))
	}
	for _, e := range r.Events {
		t.event(r, e, w)
		t.deviation(e, w)
	}
}

// totals compares each declared total with the sum of the events.
func (t Thresholds) totals(r *Report, w *warnings) {
	declared, sums := r.DeclaredTotals(), r.Summed()
	for _, f := range additive {
		sum, events := sums[f]
		total, told := declared[f]
		switch {
		case !events || sum.Sign() == 0 && !told:
		case !told && (f == FieldActivity || f == FieldEffective):
			// There is no item for a total of these, or it is optional.
		case !told:
			w.add("", WarnTotalMissing, f, sum)
		case t.differ(sum, total, r.rounding(f)):
			w.add(r.totalPath(f), WarnTotalMismatch, f, sum, total)
		}
	}
}

// parts compares fluoroscopy plus acquisition with the total.
func (t Thresholds) parts(r *Report, w *warnings) {
	declared := r.DeclaredTotals()
	for _, p := range parts {
		total, okT := declared[p.total]
		fluoro, okF := declared[p.fluoro]
		acquis, okA := declared[p.acquis]
		if !okT || !okF || !okA {
			continue
		}
		sum, rounding := fluoro.Add(acquis), ucum.Decimal{}
		for _, one := range r.Totals {
			for _, f := range []Field{p.total, p.fluoro, p.acquis} {
				rounding = rounding.Add(half(one.Values.All(f)))
			}
		}
		if t.differ(sum, total, rounding) {
			w.add(r.totalPath(p.total), WarnPartMismatch, p.total, sum, total)
		}
	}
}

// differ reports whether sum and total are further apart than their rounding and,
// as a fraction of the total, than the threshold. A total of 0 differs from any
// other sum.
func (t Thresholds) differ(sum, total, rounding ucum.Decimal) bool {
	gap := sum.Sub(total).Abs()
	if gap.Sign() == 0 {
		return false
	}
	relative, ok := gap.Quo(total.Abs())
	if !ok {
		return true
	}
	return relative.Cmp(t.TotalRelative) > 0 && gap.Cmp(rounding) > 0
}

// rounding returns how far sum and total of a field may differ because each
// number was rounded to its last digit: half a step for each of them. A zero
// counts for nothing: how it is written says nothing about the others.
func (r *Report) rounding(f Field) ucum.Decimal {
	sum := ucum.Decimal{}
	for _, e := range r.Events {
		sum = sum.Add(half(e.Values.All(f)))
	}
	for _, t := range r.Totals {
		sum = sum.Add(half(t.Values.All(f)))
	}
	return sum
}

// half returns the sum of half the steps of values.
func half(vs Values) ucum.Decimal {
	sum := ucum.Decimal{}
	for _, v := range vs {
		if v.Number != nil && v.Number.Sign() != 0 {
			sum = sum.Add(v.step)
		}
	}
	h, _ := sum.Quo(ucum.Int(2))
	return h
}

// totalPath returns where the total of a field stands.
func (r *Report) totalPath(f Field) string {
	for _, t := range r.Totals {
		if v, ok := t.Values.Find(f); ok {
			return v.Path
		}
	}
	return ""
}

// event checks one event.
func (t Thresholds) event(r *Report, e *Event, w *warnings) {
	if e.UID.IsZero() {
		w.add(e.Path, WarnNoEventUID)
	}
	if ctdi, ok := e.Number(FieldCTDIvol); ok && e.Phantom == "" && ctdi.Sign() > 0 {
		w.add(e.Path, WarnPhantom)
	}
	if e.zero() {
		w.add(e.Path, WarnZeroDose)
	}
	t.plausible(e, w)
	t.area(e, w)
	t.clock(r, e, w)
}

// zero reports whether an event tells a dose of 0 although it tells charge.
func (e *Event) zero() bool {
	told := false
	for _, f := range []Field{FieldDLP, FieldDAP, FieldRP, FieldAGD} {
		n, ok := e.Number(f)
		if ok && n.Sign() != 0 {
			return false
		}
		told = told || ok
	}
	current, _ := e.Number(FieldCurrent)
	time, _ := e.Number(FieldExposureTime)
	charge, _ := e.Number(FieldCharge)
	return told && (current.Sign() > 0 && time.Sign() > 0 || charge.Sign() > 0)
}

// plausible compares CTDIvol times scanning length with DLP.
func (t Thresholds) plausible(e *Event, w *warnings) {
	ctdi, ok1 := e.Number(FieldCTDIvol)
	length, ok2 := e.Number(FieldScanLength)
	dlp, ok3 := e.Number(FieldDLP)
	if !ok1 || !ok2 || !ok3 || dlp.Sign() == 0 {
		return
	}
	factor, _ := ucum.Factor(ucum.Must("mGy.mm"), ucum.Must("mGy.cm"))
	product := ctdi.Mul(length).Mul(factor)
	relative, _ := product.Sub(dlp).Quo(dlp)
	if relative.Abs().Cmp(t.DLPPlausibility) > 0 {
		w.add(e.Path, WarnPlausibility, product, dlp)
	}
}

// area checks the field that dose area product over dose at the reference point makes.
func (t Thresholds) area(e *Event, w *warnings) {
	dap, ok1 := e.Number(FieldDAP)
	rp, ok2 := e.Number(FieldRP)
	if !ok1 || !ok2 || dap.Sign() <= 0 || rp.Sign() <= 0 {
		return
	}
	factor, _ := ucum.Factor(ucum.Must("m2"), ucum.Must("cm2"))
	field, _ := dap.Quo(rp)
	field = field.Mul(factor)
	if field.Cmp(t.AreaMin) < 0 || field.Cmp(t.AreaMax) > 0 {
		w.add(e.Path, WarnArea, ucum.MustDecimal(field.Fixed(1)))
	}
}

// clock compares the day of an event with that of the study.
func (t Thresholds) clock(r *Report, e *Event, w *warnings) {
	study, ok1 := r.StudyDate.day()
	day, ok2 := e.Started.day()
	if !ok1 || !ok2 {
		return
	}
	days := int64(day.Sub(study).Abs().Hours() / 24)
	if ucum.Int(days).Cmp(t.ClockDays) > 0 {
		w.add(e.Path, WarnClock, days)
	}
}
