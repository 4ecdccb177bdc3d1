package main

import (
	"cmp"
	"context"
	"crypto/sha1" //nolint:gosec // Attachment.hash is SHA-1 by its definition
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/connect"
	"radagora/db"
	"radagora/fault"
	"radagora/fhir"
	"radagora/person"
	"radagora/record"
	"radagora/web"
	"radagora/worklist"
)

// A reporter keeps reports of other systems as DiagnosticReports, and tells others what
// was written.
type reporter struct{ *house }

// KeepReport implements connect.Records.
func (p reporter) KeepReport(ctx context.Context, tx *db.Tx, r connect.KeptReport) error {
	d, err := diagnosticReport(r, p.Persons.Reference(r.Site, r.Person))
	if err != nil {
		return err
	}
	_, err = p.records.Keep(ctx, tx, d, record.Origin{Site: r.Site, Person: r.Person, Source: "hl7", Actor: "hl7:" + r.Channel}, record.Condition{})
	return err
}

// ReportsOf implements worklist.Reports.
func (p reporter) ReportsOf(ctx context.Context, siteID string, o worklist.Order) (all []worklist.Told, err error) {
	list, err := p.Connect.ReportsOf(ctx, siteID, o.ID, o.Study)
	if err != nil {
		return nil, err
	}
	for _, r := range list {
		all = append(all, worklist.Told{ID: r.ID, At: r.At, Status: string(r.Status), By: person.Readable(r.Author), Way: "hl7"})
	}
	written, err := p.written(ctx, siteID, o)
	for _, v := range written {
		told := worklist.Told{ID: v.Resource.ID(), At: reportedAt(v), Status: v.Resource.Get("status").Text(), By: cmp.Or(reportAuthor(v.Resource), v.By), Way: v.Source}
		if !slices.ContainsFunc(all, func(t worklist.Told) bool { return t.ID == told.ID }) {
			all = append(all, told)
		}
	}
	slices.SortStableFunc(all, func(a, b worklist.Told) int { return cmp.Or(a.At.Compare(b.At), strings.Compare(a.ID, b.ID)) })
	return all, err
}

// mostInline is how many bytes of documents stand in a DiagnosticReport itself; larger
// ones are named by their address.
const mostInline = 2 << 20

// Systems of codes that messages name by the words of HL7 table 0396.
var codeSystems = map[string]string{
	"LN": "http://loinc.org", "SCT": "http://snomed.info/sct", "DCM": "http://dicom.nema.org/resources/ontology/DCM", "RADLEX": "http://radlex.org",
}

// diagnosticReport writes a report as FHIR has it.
func diagnosticReport(r connect.KeptReport, subject fhir.Value) (fhir.Resource, error) {
	code := fhir.Concept(r.Title, fhir.Coding(codeSystems["LN"], "18748-4", "Diagnostic imaging study"))
	if r.Code != nil {
		code = fhir.Concept(r.Code.Meaning, fhir.Coding(codeSystems[strings.ToUpper(r.Code.Scheme)], r.Code.Value, r.Code.Meaning))
	}
	_, number, _ := strings.Cut(r.Number, " ")
	var order, study, author any
	if r.Order != "" {
		order = fhir.List(fhir.Reference("ServiceRequest/" + r.Order))
	}
	if r.Study != "" {
		study = fhir.List(fhir.Reference("ImagingStudy/" + r.Study))
	}
	if r.Author != "" {
		author = fhir.List(fhir.Object(fhir.F("display", person.Readable(r.Author))))
	}
	made := ""
	if !r.Made.IsZero() {
		made = r.Made.Format(time.RFC3339)
	}
	return fhir.New(
		"DiagnosticReport",
		fhir.F("id", r.ID),
		fhir.F("identifier", fhir.List(fhir.Identifier("urn:radagora:channel:"+r.Channel, number))),
		fhir.F("basedOn", order),
		fhir.F("status", string(r.Status)),
		fhir.F("category", fhir.List(fhir.Concept("", fhir.Coding("http://terminology.hl7.org/CodeSystem/v2-0074", "RAD", "Radiology")))),
		fhir.F("code", code),
		fhir.F("subject", subject),
		fhir.F("effectiveDateTime", made),
		fhir.F("issued", r.At),
		fhir.F("resultsInterpreter", author),
		fhir.F("imagingStudy", study),
		fhir.F("presentedForm", fhir.List(presented(r)...)),
	)
}

// presented writes the text and the documents of a report as attachments.
func presented(r connect.KeptReport) (all []any) {
	if r.Text != "" {
		all = append(all, fhir.Object(fhir.F("contentType", "text/plain; charset=utf-8"), fhir.F("data", base64.StdEncoding.EncodeToString([]byte(r.Text)))))
	}
	size := len(r.Text)
	for i, f := range r.Files {
		sum := sha1.Sum(f.Body) //nolint:gosec // see its import
		a := []fhir.Field{fhir.F("contentType", f.Type), fhir.F("size", len(f.Body)), fhir.F("hash", base64.StdEncoding.EncodeToString(sum[:])), fhir.F("title", f.Title)}
		if size += len(f.Body); size <= mostInline {
			a = append(a, fhir.F("data", base64.StdEncoding.EncodeToString(f.Body)))
		} else {
			a = append(a, fhir.F("url", fmt.Sprintf("/reports/%s/files/%d", r.ID, i+1)))
		}
		all = append(all, fhir.Object(a...))
	}
	return all
}

// A reportView shows reports of other systems.
type reportView struct{ *view }

// Report implements web.Reports. Whoever reads a report is noted.
func (v reportView) Report(ctx context.Context, id string) (web.ReportPage, error) {
	r, err := v.Connect.Report(ctx, at, id)
	if fault.Of(err) == fault.NotFound && err != nil {
		return v.writtenReport(ctx, id)
	}
	if err != nil {
		return web.ReportPage{}, err
	}
	if err := v.noteRead(ctx, access.RecordRead, access.Subject{Site: at, Person: r.Person, Study: r.Study}); err != nil {
		return web.ReportPage{}, err
	}
	p := web.ReportPage{
		ID: r.ID, Title: r.Title, Status: string(r.Status), At: r.At, Made: r.Made, Author: person.Readable(r.Author), Text: r.Text,
		Order: r.Order, Study: r.Study, Number: cmp.Or(r.Numbers.Accession, r.Numbers.Placer, r.Numbers.Filler), Links: r.Links,
	}
	for _, f := range r.Files {
		p.Files = append(p.Files, web.ReportFile{Type: f.Type, Title: f.Title, Bytes: int64(len(f.Body))})
	}
	if p.From, err = v.Connect.ChannelName(ctx, at, r.Channel); err != nil {
		return p, err
	}
	return p, v.whose(ctx, r.Person, &p)
}

// whose fills in whose a report is, and by which number people know its order.
func (v reportView) whose(ctx context.Context, key string, p *web.ReportPage) error {
	if p.Order != "" && p.Number == "" {
		o, err := v.Worklist.Get(ctx, at, p.Order)
		if err != nil && fault.Of(err) != fault.NotFound && fault.Of(err) != fault.Forbidden {
			return err
		}
		p.Number = cmp.Or(o.Accession, o.Placer, o.Filler)
	}
	if key == "" {
		return nil
	}
	known, err := v.Persons.Known(ctx, v.DB, at, key, v.Now())
	if err != nil {
		return err
	}
	p.Patient, p.Born = nameWords(known[person.Name].Value), strings.ReplaceAll(known[person.BirthDate].Value, "-", "")
	if p.Patient == "" { // the identifier tells whose it is, where no name is known
		_, p.Patient, _ = strings.Cut(key, "|")
	}
	return nil
}

// ReportFile implements web.Reports.
func (v reportView) ReportFile(ctx context.Context, id string, number int) (web.ReportFile, error) {
	r, err := v.Connect.Report(ctx, at, id)
	if fault.Of(err) == fault.NotFound && err != nil {
		return v.writtenFile(ctx, id, number)
	}
	if err == nil && (number < 1 || number > len(r.Files)) {
		err = notFound("file")
	}
	if err != nil {
		return web.ReportFile{}, err
	}
	if err := v.noteRead(ctx, access.RecordRead, access.Subject{Site: at, Person: r.Person, Study: r.Study}); err != nil {
		return web.ReportFile{}, err
	}
	f := r.Files[number-1]
	return web.ReportFile{Type: f.Type, Title: f.Title, Bytes: int64(len(f.Body)), Body: f.Body}, nil
}
