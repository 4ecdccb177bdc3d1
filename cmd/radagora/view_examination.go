package main

import (
	"cmp"
	"context"
	"strings"
	"time"

	"radagora/access"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/web"
)

// examinationsPage is how many examinations a list shows at once.
const examinationsPage = 100

// Examinations implements web.DoseCT.
func (v *view) Examinations(ctx context.Context, q web.DoseQuery, row, after string) (web.DoseExaminations, error) {
	d, err := v.doseView(ctx, q)
	if err != nil {
		return web.DoseExaminations{}, err
	}
	for _, r := range d.o.Rows {
		if rowID(r) == row {
			return d.examinations(ctx, r, after)
		}
	}
	return web.DoseExaminations{}, notFound("row in this period")
}

// examinations lists what a row rests on from after a key on.
func (d *doseView) examinations(ctx context.Context, r *dose.Row, after string) (web.DoseExaminations, error) {
	out := web.DoseExaminations{Row: d.row(r)}
	on := after == ""
	for i := range r.All() {
		if !on {
			on = i.ID() == after
			continue
		}
		if i.Restricted {
			continue
		}
		if len(out.Items) == examinationsPage {
			out.Next = out.Items[len(out.Items)-1].ID
			break
		}
		item, err := d.item(ctx, i, r)
		if err != nil {
			return out, err
		}
		out.Items = append(out.Items, item)
	}
	return out, nil
}

// item makes one line of the list.
func (d *doseView) item(ctx context.Context, i *dose.Item, r *dose.Row) (web.DoseItem, error) {
	item := web.DoseItem{
		ID: i.ID(), At: d.when(i), Protocol: i.Name, Events: i.Events, Origin: string(cmp.Or(i.Class, dose.FromReport)), Left: i.Excluded,
	}
	if i.Weight != nil {
		item.Weight = *i.Weight
		size := dose.Size{Field: dose.FieldWeight, Value: *i.Weight, Source: i.WeightFrom.Source, Origin: i.WeightFrom.Origin, Used: true}
		if i.WeightFrom.At != nil {
			size.At = time.UnixMilli(*i.WeightFrom.At)
		}
		var err error
		if item.WeightFrom, err = d.bodySaid(ctx, size, item.At); err != nil {
			return item, err
		}
	}
	if told := r.Contributed(i); len(told) > 0 {
		item.Value = told[0]
	}
	return item, nil
}

// when returns when an examination was made.
func (d *doseView) when(i *dose.Item) time.Time { return moment(cmp.Or(i.Started, i.Day), d.zone) }

// Examination implements web.DoseCT.
func (v *view) Examination(ctx context.Context, q web.DoseQuery, id string) (web.DoseExamination, error) {
	study, key, ok := strings.Cut(id, "_")
	if !ok {
		return web.DoseExamination{}, notFound("examination")
	}
	studyUID, err := uid.Parse(study)
	if err != nil {
		return web.DoseExamination{}, notFound("examination")
	}
	if err := v.mayStudy(ctx, access.ExaminationRead, studyUID); err != nil {
		return web.DoseExamination{}, err
	}
	s, err := v.Dose.Study(ctx, at, study)
	if err != nil {
		return web.DoseExamination{}, err
	}
	p, err := v.plan(ctx)
	if err != nil {
		return web.DoseExamination{}, err
	}
	here, err := v.Sites.Site(ctx, at)
	if err != nil {
		return web.DoseExamination{}, err
	}
	if key == "" {
		s.Items = append(s.Items, loose(s))
	}
	for _, i := range s.Items {
		if i.Key == key {
			d := &doseView{view: v, q: q, plan: p, zone: here.Location()}
			if d.proved, err = v.Quality.Accepted(ctx, at); err != nil {
				return web.DoseExamination{}, err
			}
			e := d.examination(s, i)
			e.Overlap = overlap(s, i)
			if e.Skin, err = v.skin(ctx, s); err != nil {
				return e, err
			}
			if e.Physics, err = d.physics(ctx, s, i); err != nil {
				return e, err
			}
			return e, v.body(ctx, i, &e)
		}
	}
	return web.DoseExamination{}, notFound("examination")
}

// body says by what order and size one knows an examination.
func (v *view) body(ctx context.Context, i *dose.Item, e *web.DoseExamination) error {
	e.Order, e.From, e.FromName, e.Reason = i.Known.Accession, i.Known.From, i.Known.Name, i.Known.Reason
	if i.Known.Order != "" && access.Can(ctx, access.StepFind, access.Subject{Site: at}) {
		e.OrderHref = "/images/worklist?day=" + i.Day + "&open=" + i.Known.Order + "#order"
	}
	for _, s := range i.Known.Sizes {
		b, err := v.bodySaid(ctx, s, e.At)
		if err != nil {
			return err
		}
		e.Sizes = append(e.Sizes, b)
	}
	e.Day, e.MaySay = i.Day, i.Key != "" && access.Can(ctx, access.StepChange, access.Subject{Site: at})
	return nil
}

// examination makes the page of one examination.
func (d *doseView) examination(s *dose.StoredStudy, i *dose.Item) web.DoseExamination {
	d.q.Modality = s.Modality
	e := web.DoseExamination{
		ID: i.ID(), StudyUID: s.UID, At: d.when(i), Room: d.plan.ref(d.plan.of(i.Machine)), Protocol: i.Name,
		Exam: d.words.exam(i.Exam, d.q.Language), Indication: d.words.indication(i.Indication, d.q.Language), KnownBy: string(i.KnownBy),
		AssignedBy: i.AssignedBy, Left: i.Excluded,
	}
	if m, ok := d.plan.Machine(i.Machine); ok {
		e.Machine = strings.TrimSpace(m.Manufacturer + " " + m.Model)
		if len(m.Software) > 0 {
			e.Software = m.Software[0].Value
		}
	}
	if s, known := d.proved[i.Machine]; known && !s.Valid() {
		e.Standing = string(s.State)
	}
	e.Totals, e.Whole, e.Sets = d.totals(s, i.Key), d.whole(s), d.setsOf(s, i)
	for _, event := range s.Events {
		if event.Examination == i.Key {
			e.Events = append(e.Events, d.event(event))
		}
	}
	for _, r := range s.Reports {
		e.Sources = append(e.Sources, web.DoseSource{
			SOPInstanceUID: r.SOPInstance, Title: d.text("dose.kind_" + cmp.Or(r.Kind, "other")), At: time.UnixMilli(r.ReceivedAt), Superseded: !r.Counted,
		})
	}
	for _, w := range s.Warnings {
		e.Warnings = append(e.Warnings, web.DoseWarning{Path: w.Path, Code: w.Code, Text: w.Message})
	}
	return e
}

// fieldQuantities are the words that pages have for some fields of a report; the
// others bear the name of the field.
var fieldQuantities = map[dose.Field]string{
	dose.FieldDLP: "dlp", dose.FieldCTDIvol: "ctdivol", dose.FieldKVP: "kvp", dose.FieldExposureTime: "exposure_time",
	dose.FieldScanLength: "scan_length", dose.FieldPhantom: "phantom", dose.FieldPitch: "pitch", dose.FieldCollimation: "collimation",
	dose.FieldSingle: "single", dose.FieldCurrent: "current",
	dose.FieldDAP: "dap", dose.FieldRP: "rp", dose.FieldAGD: "agd", dose.FieldEntrance: "esd", dose.FieldActivity: "activity", dose.FieldEffective: "effective",
	dose.FieldEI: "exposure_index", dose.FieldDI: "deviation_index", dose.FieldFluoroDAP: "dap_fluoro", dose.FieldAcquisDAP: "dap_acquisition",
	dose.FieldFluoroTime: "fluoro_time", dose.FieldDuration: "duration", dose.FieldPulseWidth: "pulse_width", dose.FieldCharge: "exposure",
	dose.FieldPlane: "plane", dose.FieldLaterality: "laterality",
}

// event makes an event with every value and its origin.
func (d *doseView) event(s dose.StoredEvent) web.DoseEvent {
	e := web.DoseEvent{UID: value(s.UID), Protocol: value(s.Protocol), Counted: value(s.Type) != "constant_angle", Type: value(s.Type)}
	if s.Type != nil {
		e.Type = d.text("acquisition." + *s.Type)
	}
	if s.Started != nil {
		e.Started = moment(*s.Started, d.zone)
	}
	for _, x := range s.Values {
		w := web.DoseValue{
			Quantity: cmp.Or(fieldQuantities[x.Field], string(x.Field)), Name: string(x.Field), Unit: value(x.Unit), Raw: value(x.Raw), RawUnit: value(x.RawUnit),
			Origin: "report", Object: s.SOPInstance, Path: x.Path,
		}
		w.Flags = x.Flags
		switch n := x.Value.(type) {
		case float64:
			w.Value, w.Known = n, true
			d.shown(&w)
		case string:
			w.Words = n
		}
		e.Values = append(e.Values, w)
	}
	return e
}

// value returns what p points to, "" for nil.
func value(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}
