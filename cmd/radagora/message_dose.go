package main

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"radagora/connect"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/dose/history"
	"radagora/fault"
	"radagora/lang"
	"radagora/worklist"
)

// A doseTeller tells the receivers of messages what studies came to.
type doseTeller struct {
	*house
	catalogue *lang.Catalogue
}

// doseWait is how long a doseTeller waits for those who derive doses.
const doseWait = 20 * time.Second

// toldDoses are the quantities that may stand in a message, in the order in which they
// do: those that are summed over an examination.
var toldDoses = []dose.Field{dose.FieldDLP, dose.FieldDAP, dose.FieldRP, dose.FieldAGD, dose.FieldActivity}

// Dose implements connect.Doses.
func (t doseTeller) Dose(ctx context.Context, siteID, study, language string) (connect.Dose, error) {
	if err := t.derived(ctx); err != nil {
		return connect.Dose{}, err
	}
	s, err := t.house.Dose.Study(ctx, siteID, study)
	if err != nil {
		return connect.Dose{}, err
	}
	d := connect.Dose{Study: study}
	if err := t.about(ctx, siteID, &d); err != nil {
		return d, err
	}
	here, err := t.Sites.Site(ctx, siteID)
	if err != nil {
		return d, err
	}
	d.At = moment(cmp.Or(s.Started, s.Day), here.Location())
	if d.Sentence, d.Values, err = t.told(s, s.Items, language); err != nil {
		return d, err
	}
	if len(d.Values) == 0 {
		return d, fault.Errorf(fault.NotFound, "study %s: no dose of a patient", study)
	}
	return d, nil
}

// told returns what examinations of a study came to, as a sentence in a language by the
// words of the site, and as numbers; nothing of those that are no patient's.
func (t doseTeller) told(s *dose.StoredStudy, items []*dose.Item, language string) (sentence string, all []connect.DoseValue, err error) {
	p, w := t.catalogue.Printer(t.catalogue.Match(language, "")), &words{library: t.Content}
	wording, err := history.LoadWording(t.Content, at, language)
	if err != nil {
		return "", nil, err
	}
	var parts []string
	for _, i := range items {
		values, words := itemDose(s, i, p, wording)
		if i.Excluded == dose.ExcludedNotPatient || len(values) == 0 {
			continue
		}
		all = append(all, values...)
		name := cmp.Or(w.exam(i.Exam, language).Label, i.Name, s.Description, s.Modality)
		parts = append(parts, wording.Examination(name, strings.Join(words, "; "), i.Events))
	}
	if len(all) == 0 {
		return "", nil, nil
	}
	return wording.Sentence(parts...), all, nil
}

// derived waits until what arrived was derived. Unavailable: it takes longer.
func (t doseTeller) derived(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, doseWait)
	defer stop()
	if err := t.Journal.Wait(ctx, dose.Consumer); err != nil {
		return err
	}
	n, err := t.house.Dose.Pending(ctx)
	if err == nil && n > 0 {
		err = fault.Errorf(fault.Unavailable, "doses of %d studies are not derived yet", n)
	}
	return err
}

// about fills in whose a study is, as the archive has it.
func (t doseTeller) about(ctx context.Context, siteID string, d *connect.Dose) error {
	u, err := uid.Parse(d.Study)
	if err != nil {
		return fault.As(fault.NotFound, err)
	}
	s, err := t.Archive.Study(ctx, siteID, u)
	if err != nil {
		return err
	}
	d.Accession = s.AccessionNumber.Reveal()
	d.Patient = worklist.Patient{
		ID: s.PatientID.Reveal(), Issuer: s.IssuerOfPatientID.Reveal(), Name: s.PatientName.Reveal(),
		BirthDate: s.PatientBirthDate.Reveal(), Sex: s.PatientSex.Reveal(),
	}
	return nil
}

// itemDose returns what an examination came to, as numbers and in words: its sums, and
// of CTDIvol each event's, in words the highest.
func itemDose(s *dose.StoredStudy, i *dose.Item, p *lang.Printer, w history.Wording) (values []connect.DoseValue, words []string) {
	for _, f := range toldDoses {
		sum, unit, known := 0.0, "", false
		for _, n := range eventDoses(s, i, f) {
			sum, unit, known = sum+n.Value, n.unit, true
		}
		if f == dose.FieldDLP {
			if known = i.DLP != nil; known {
				sum, unit = *i.DLP, "mGy.cm"
			}
		}
		if known {
			values = append(values, connect.DoseValue{Quantity: string(f), Part: i.Key, Value: decimal(sum), Unit: unit})
			words = append(words, w.Amount(string(f), readableDose(p, sum, unit)))
		}
	}
	all := eventDoses(s, i, dose.FieldCTDIvol)
	for _, n := range all {
		values = append(values, connect.DoseValue{Quantity: string(dose.FieldCTDIvol), Part: i.Key + "." + strconv.Itoa(n.at), Value: decimal(n.Value), Unit: n.unit})
	}
	if len(all) > 0 {
		most := slices.MaxFunc(all, func(a, b eventDose) int { return cmp.Compare(a.Value, b.Value) })
		words = append(words, w.Amount(string(dose.FieldCTDIvol), p.Quantity(most.Value, most.unit)))
	}
	return values, words
}

// readableDose writes a dose in the unit in which people read it (dose brief 3.3).
func readableDose(p *lang.Printer, value float64, unit string) string {
	switch unit {
	case "Gy.m2":
		value, unit = value*1e4, "Gy.cm2"
	case "Gy":
		value, unit = value*1e3, "mGy"
	}
	return p.Quantity(value, unit)
}

// An eventDose is one quantity of an event.
type eventDose struct {
	at    int // of the events of the examination, from 1
	Value float64
	unit  string
}

// eventDoses returns a quantity of the events of an examination; of CTDIvol those of
// localizers are left out.
func eventDoses(s *dose.StoredStudy, i *dose.Item, f dose.Field) (all []eventDose) {
	at := 0
	for _, e := range s.Events {
		if e.Examination != i.Key {
			continue
		}
		at++
		if f == dose.FieldCTDIvol && value(e.Type) == "constant_angle" {
			continue
		}
		for _, x := range e.Values {
			if n, ok := x.Value.(float64); ok && x.Field == f {
				all = append(all, eventDose{at, n, value(x.Unit)})
				break
			}
		}
	}
	return all
}

// decimal writes a number as HL7 has it. What adding up leaves behind the tenth place
// is none.
func decimal(n float64) string {
	s := strconv.FormatFloat(n, 'f', 10, 64)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}
