package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/fhir"
	"radagora/record"
	"radagora/web"
	"radagora/worklist"
)

// Reports that programs write over FHIR are kept by record as they came. They are shown
// like those of messages: on the line of life, and on a page of their own.

const diagnosticReportType = "DiagnosticReport"

// written returns the DiagnosticReports of an order or its study, those that whoever asks
// may read.
func (p reporter) written(ctx context.Context, siteID string, o worklist.Order) ([]record.Version, error) {
	key, err := p.personOf(ctx, siteID, o)
	if err != nil || key == "" {
		return nil, err
	}
	keys, err := p.Persons.KeysIn(ctx, p.DB, siteID, key)
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, one := range []struct{ before, name string }{{"ServiceRequest/", o.ID}, {"ImagingStudy/", o.Study}, {"urn:oid:", o.Study}, {"", o.Accession}} {
		if one.name != "" {
			texts = append(texts, one.before+one.name)
		}
	}
	all, err := p.records.Mentioning(ctx, p.DB, siteID, diagnosticReportType, keys, texts)
	return slices.DeleteFunc(all, func(v record.Version) bool {
		return !reportsOn(v.Resource, o) || !access.Can(ctx, access.RecordRead, access.Subject{Site: siteID, Person: v.Person})
	}), err
}

// personOf returns whom an order is about, or the study of one that is none; "" if that
// is not known.
func (p reporter) personOf(ctx context.Context, siteID string, o worklist.Order) (string, error) {
	u, err := uid.Parse(o.Study)
	if o.Person != "" || err != nil {
		return o.Person, nil //nolint:nilerr // such a study is not here
	}
	s, err := p.Archive.Study(ctx, siteID, u)
	if kind := fault.Of(err); err != nil && (kind == fault.NotFound || kind == fault.Forbidden) {
		return "", nil
	}
	return s.Person.Reveal(), err
}

// reportsOn reports whether a DiagnosticReport says that it is about an order or its
// study.
func reportsOn(r fhir.Resource, o worklist.Order) bool {
	leads := func(path, typ, id string) bool {
		for ref := range r.Each(path) {
			if to := "/" + ref.Text(); id != "" && strings.HasSuffix(to, "/"+typ+"/"+id) {
				return true
			}
		}
		return false
	}
	bears := func(path, number string) bool {
		for v := range r.Each(path) {
			if number != "" && v.Text() == number {
				return true
			}
		}
		return false
	}
	return leads("basedOn.reference", "ServiceRequest", o.ID) || leads("imagingStudy.reference", "ImagingStudy", o.Study) ||
		bears("imagingStudy.identifier.value", "urn:oid:"+o.Study) && o.Study != "" || bears("basedOn.identifier.value", o.Accession) ||
		o.Accession != "" && reportAccession(r) == o.Accession
}

// reportAccession returns the accession number that a DiagnosticReport bears, "" for none.
func reportAccession(r fhir.Resource) string {
	for id := range r.Each("identifier") {
		for c := range id.Each("type.coding") {
			if c.Get("code").Text() == "ACSN" {
				return id.Get("value").Text()
			}
		}
	}
	return ""
}

// reportedAt returns when a DiagnosticReport was given out, or else when it came.
func reportedAt(v record.Version) time.Time {
	if t, ok := v.Resource.Get("issued").Instant(); ok {
		return t
	}
	return v.Updated
}

// reportAuthor returns who wrote a DiagnosticReport, "" if it does not say in words.
func reportAuthor(r fhir.Resource) string {
	return cmp.Or(r.Get("resultsInterpreter.display").Text(), r.Get("performer.display").Text())
}

// readWritten returns a DiagnosticReport that whoever asks may read, which is noted.
func (v reportView) readWritten(ctx context.Context, id string) (record.Version, error) {
	w, err := v.records.Read(ctx, v.DB, at, diagnosticReportType, id)
	if err != nil {
		return w, err
	}
	about := access.Subject{Site: at, Person: w.Person}
	if err := access.Check(ctx, access.RecordRead, about); err != nil || w.Person == "" {
		return w, err
	}
	return w, v.noteRead(ctx, access.RecordRead, about)
}

// lastPart returns the id of a reference to a type, "" if it leads elsewhere.
func lastPart(reference, typ string) string {
	parts := strings.Split(reference, "/")
	if n := len(parts); n >= 2 && parts[n-2] == typ {
		return parts[n-1]
	}
	return ""
}

// writtenReport shows a DiagnosticReport as a report.
func (v reportView) writtenReport(ctx context.Context, id string) (web.ReportPage, error) {
	w, err := v.readWritten(ctx, id)
	if err != nil {
		return web.ReportPage{}, err
	}
	names, err := v.accountNames(ctx)
	if err != nil {
		return web.ReportPage{}, err
	}
	r := w.Resource
	p := web.ReportPage{
		ID: id, Title: cmp.Or(r.Get("code.text").Text(), r.Get("code.coding.display").Text()), Status: r.Get("status").Text(), At: reportedAt(w),
		Made: v.examined(ctx, r), Author: reportAuthor(r), From: cmp.Or(names[w.By], w.By), Number: cmp.Or(reportAccession(r), r.Get("basedOn.identifier.value").Text()),
		Order: lastPart(r.Get("basedOn.reference").Text(), "ServiceRequest"), Study: lastPart(r.Get("imagingStudy.reference").Text(), "ImagingStudy"),
	}
	p.Text, p.Files, p.Links = contents(r)
	for i := range p.Files {
		p.Files[i].Body = nil
	}
	return p, v.whose(ctx, w.Person, &p)
}

// examined returns when what a DiagnosticReport is about was done; the zero time if it
// does not say.
func (v reportView) examined(ctx context.Context, r fhir.Resource) time.Time {
	said := r.Get("effectiveDateTime")
	if !said.Exists() {
		said = r.Get("effectivePeriod.start")
	}
	if t, ok := said.Instant(); ok {
		return t
	}
	t, err := time.ParseInLocation(time.DateOnly, said.Text(), v.zone(ctx))
	if err != nil {
		return time.Time{}
	}
	return t
}

// contents returns what a DiagnosticReport says in plain text, its other documents, and
// how many it only names.
func contents(r fhir.Resource) (text string, files []web.ReportFile, links int) {
	texts := []string{r.Get("conclusion").Text()}
	for a := range r.Each("presentedForm") {
		kind, _, _ := strings.Cut(a.Get("contentType").Text(), ";")
		body, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(a.Get("data").Text()), ""))
		switch {
		case err != nil || len(body) == 0:
			links++
		case kind == "text/plain":
			texts = append(texts, strings.ToValidUTF8(string(body), "\uFFFD"))
		default:
			files = append(files, web.ReportFile{Type: cmp.Or(kind, "application/octet-stream"), Title: a.Get("title").Text(), Bytes: int64(len(body)), Body: body})
		}
	}
	return strings.TrimSpace(strings.Join(texts, "\n\n")), files, links
}

// writtenFile returns a document of a DiagnosticReport, from 1.
func (v reportView) writtenFile(ctx context.Context, id string, number int) (web.ReportFile, error) {
	w, err := v.readWritten(ctx, id)
	if err != nil {
		return web.ReportFile{}, err
	}
	_, files, _ := contents(w.Resource)
	if number < 1 || number > len(files) {
		return web.ReportFile{}, notFound("file")
	}
	return files[number-1], nil
}
