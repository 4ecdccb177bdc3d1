package web

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"radagora/fault"
)

// mediaTypes are the formats things can be taken along in.
var mediaTypes = map[ExportFormat]string{
	CSV:     "text/csv; charset=utf-8",
	Parquet: "application/vnd.apache.parquet",
	XLSX:    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

// exportParts are the parts that can be taken along.
var exportParts = []ExportPart{ExportTable, ExportSpread, ExportTrend, ExportExaminations, ExportEvents}

// doseExport sends exactly what a part of the page shows, as a file. It is
// gathered before the first byte leaves, so that an error is an error page and
// never half a file.
func (s *server) doseExport(v *visit) error {
	here := v.here()
	part, format := ExportPart(here.query.Get("part")), ExportFormat(here.query.Get("format"))
	if mediaTypes[format] == "" || !slices.Contains(exportParts, part) {
		return fault.Errorf(fault.Invalid, "no export of part %q as %q", part, format)
	}
	var b bytes.Buffer
	q := v.query(here)
	q.Purpose = here.query.Get("purpose")
	if err := s.DoseCT.Export(v.r.Context(), &b, q, part, format); err != nil {
		return err
	}
	v.attach(fmt.Sprintf("%s-dose-%s-%s.%s", strings.ToLower(orElse(q.Modality, "ct")), part, v.now().Format("2006-01-02"), format), mediaTypes[format])
	_, _ = v.w.Write(b.Bytes()) // a reader that went away is no error of ours
	return nil
}

// dosePicture sends a chart as an SVG file that stands alone.
func (s *server) dosePicture(v *visit) error {
	here := v.here()
	d, err := s.DoseCT.Page(v.r.Context(), v.query(here))
	if err != nil {
		return err
	}
	if d.Charts == nil {
		return fault.Errorf(fault.NotFound, "nothing to draw in this period and filter")
	}
	var b bytes.Buffer
	style := s.assets.pictureStyle()
	switch part := ExportPart(here.query.Get("part")); part {
	case ExportSpread:
		err = v.spread(*d.Charts, here).WritePicture(v.r.Context(), &b, v.p, style)
	case ExportTrend:
		err = v.course(*d.Charts, here).WritePicture(v.r.Context(), &b, v.p, style)
	default:
		err = fault.Errorf(fault.Invalid, "no picture of part %q", part)
	}
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	v.attach("ct-dose-"+here.query.Get("part")+".svg", "image/svg+xml")
	_, _ = v.w.Write(b.Bytes())
	return nil
}

// attach sets the header of a file to keep.
func (v *visit) attach(name, mediaType string) {
	h := v.w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "private, no-store")
	v.w.WriteHeader(http.StatusOK)
}
