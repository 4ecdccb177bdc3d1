package main

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"radagora/archive"
	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/fault"
	"radagora/person"
	"radagora/worklist"
)

// ordering tells dose what was ordered.
type ordering struct{ *house }

// Ordered implements dose.Orders.
func (o ordering) Ordered(ctx context.Context, q db.Querier, site, study string, accessions []string) ([]dose.Ordered, error) {
	list, err := o.Worklist.Belonging(ctx, q, site, study, accessions)
	var all []dose.Ordered
	for i := range list {
		all = append(all, orderedOf(&list[i]))
	}
	return all, err
}

// Accession implements dose.Orders.
func (o ordering) Accession(ctx context.Context, q db.Querier, site, order string) (string, error) {
	one, _, err := o.Worklist.Named(ctx, q, site, order)
	return one.Accession, err
}

// orderedOf is what an order says of an examination.
func orderedOf(o *worklist.Order) dose.Ordered {
	d := dose.Ordered{ID: o.ID, Accession: o.Accession, Procedure: o.ProcedureID}
	add := func(to *[]dose.Name, source dose.NameSource, text string) {
		if text != "" {
			*to = append(*to, dose.Name{Source: source, Text: text})
		}
	}
	if o.Code != nil {
		add(&d.Names, dose.FromCode, dose.CodeName(o.Code.Scheme, o.Code.Value))
		add(&d.Names, dose.FromProcedure, o.Code.Meaning)
	}
	add(&d.Names, dose.FromProcedure, o.Description)
	for _, s := range o.Steps {
		if s.State == worklist.Cancelled {
			continue
		}
		for _, c := range s.Protocol {
			add(&d.Steps, dose.FromCode, dose.CodeName(c.Scheme, c.Value))
			add(&d.Steps, dose.FromProcedure, c.Meaning)
		}
		add(&d.Steps, dose.FromProcedure, s.Description)
	}
	for _, c := range o.ReasonCodes {
		d.Reasons = append(d.Reasons, dose.OrderReason{Scheme: c.Scheme, Code: c.Value, Text: c.Meaning})
	}
	if o.Reason != "" {
		d.Reasons = append(d.Reasons, dose.OrderReason{Text: o.Reason})
	}
	return d
}

// sizing tells dose how big patients are.
type sizing struct{ *house }

// factKinds are the fields of dose as person calls them.
var factKinds = map[dose.Field]person.FactKind{dose.FieldHeight: person.Height, dose.FieldWeight: person.Weight}

// Sizes implements dose.Sizes.
func (s sizing) Sizes(ctx context.Context, q db.Querier, a dose.SizeQuery) ([]dose.Size, error) {
	var own []person.Fact
	for _, one := range a.Own {
		own = append(own, person.Fact{
			Site: a.Site, Key: a.Person, Kind: factKinds[one.Field], Value: strconv.FormatFloat(one.Value, 'f', -1, 64), Received: one.Received,
			At: a.At, Source: person.FromDICOM, Origin: a.Study,
		})
	}
	list, err := s.Persons.SizesAt(ctx, q, a.Site, a.Person, a.At, a.Years, own...)
	var all []dose.Size
	for _, one := range list {
		n, wrong := strconv.ParseFloat(one.Value, 64)
		if wrong != nil {
			continue // it was written by this program
		}
		size := dose.Size{
			Field: dose.FieldWeight, Unit: "kg", Value: n, Received: one.Received, At: one.At.UTC(), Source: string(one.Source), Origin: one.Origin,
			Used: one.Used, Why: one.Why,
		}
		if one.Kind == person.Height {
			size.Field, size.Unit = dose.FieldHeight, "m"
		}
		all = append(all, size)
	}
	return all, err
}

// Same implements dose.Sizes.
func (s sizing) Same(ctx context.Context, q db.Querier, site, key string) ([]string, error) {
	return s.Persons.KeysIn(ctx, q, site, key)
}

// zone returns the time zone of a site.
func (h *house) zoneOf(ctx context.Context, siteID string) (*time.Location, error) {
	s, err := h.Sites.Site(ctx, siteID)
	if err != nil {
		return nil, err
	}
	return s.Location(), nil
}

// headers tells what objects say of the patient's body.
type headers struct{ *house }

// Header implements person.Headers.
func (h headers) Header(ctx context.Context, site, name string) (out person.Header, err error) {
	sop, err := uid.Parse(name)
	if err != nil {
		return out, err
	}
	object, err := h.Archive.Open(ctx, site, sop)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, object.Close()) }()
	f, err := object.Read(&dicom.Options{StopAt: tag.PixelData})
	if err != nil {
		return out, fault.As(fault.Invalid, err)
	}
	d := f.Dataset
	if id := d.Text(tag.PatientID); id != "" {
		out.Person = archive.Person(d.Text(tag.IssuerOfPatientID), id)
	}
	zone, err := h.zoneOf(ctx, site)
	if err != nil {
		return out, err
	}
	out.Height, out.Weight, out.Pregnancy = d.Text(tag.PatientSize), d.Text(tag.PatientWeight), d.Text(tag.PregnancyStatus)
	out.At = takenAt(d, zone)
	return out, nil
}

// takenAt returns when the study of an object was, in a zone if it names none; zero if
// it does not say.
func takenAt(d *dicom.Dataset, zone *time.Location) time.Time {
	clock := strings.ReplaceAll(d.Text(tag.StudyTime), ":", "")
	if len(clock) < 4 {
		clock = "1200"
	}
	layout, text := "200601021504", strings.ReplaceAll(d.Text(tag.StudyDate), ".", "")+clock[:4]
	if len(clock) >= 6 {
		layout, text = layout+"05", text+clock[4:6]
	}
	if offset := strings.TrimSpace(d.Text(tag.TimezoneOffsetFromUTC)); len(offset) == 5 {
		layout, text = layout+"-0700", text+offset
	}
	at, err := time.ParseInLocation(layout, text, zone)
	if err != nil {
		return time.Time{}
	}
	return at
}

// imagesOf counts the objects of a study by modality.
func (h *house) imagesOf(ctx context.Context, site, study string) (map[string]int64, error) {
	u, err := uid.Parse(study)
	if err != nil {
		return nil, nil //nolint:nilerr // such a study has no objects
	}
	list, err := h.Archive.SeriesOf(ctx, site, u)
	counts := map[string]int64{}
	for _, s := range list {
		counts[s.Modality] += s.InstanceCount
	}
	return counts, err
}
