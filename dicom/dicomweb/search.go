package dicomweb

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"radagora/dicom"
	"radagora/dicom/tag"
)

// What each row has, by level (PS3.18 Tables 10.6.3-3 to 10.6.3-5).
var (
	studyRow = []tag.Tag{
		tag.StudyDate, tag.StudyTime, tag.AccessionNumber, tag.InstanceAvailability, tag.ModalitiesInStudy,
		tag.ReferringPhysicianName, tag.TimezoneOffsetFromUTC, tag.PatientName, tag.PatientID, tag.PatientBirthDate,
		tag.PatientSex, tag.StudyInstanceUID, tag.StudyID, tag.NumberOfStudyRelatedSeries, tag.NumberOfStudyRelatedInstances,
	}
	seriesRow = []tag.Tag{
		tag.Modality, tag.TimezoneOffsetFromUTC, tag.SeriesDescription, tag.SeriesInstanceUID, tag.SeriesNumber,
		tag.NumberOfSeriesRelatedInstances, tag.PerformedProcedureStepStartDate, tag.PerformedProcedureStepStartTime,
		tag.RequestAttributesSequence, tag.StudyInstanceUID,
	}
	imageRow = []tag.Tag{
		tag.SOPClassUID, tag.SOPInstanceUID, tag.InstanceAvailability, tag.TimezoneOffsetFromUTC, tag.InstanceNumber,
		tag.Rows, tag.Columns, tag.BitsAllocated, tag.NumberOfFrames, tag.SeriesInstanceUID, tag.StudyInstanceUID,
	}
	// What a row does not name when it has no value: not every object has it.
	optional = []tag.Tag{
		tag.TimezoneOffsetFromUTC, tag.SeriesDescription, tag.PerformedProcedureStepStartDate, tag.PerformedProcedureStepStartTime,
		tag.RequestAttributesSequence, tag.Rows, tag.Columns, tag.BitsAllocated, tag.NumberOfFrames, tag.StudyDescription,
	}
)

// rowOf returns what each row of a search has.
func rowOf(level Level, at Scope) []tag.Tag {
	var all []tag.Tag
	if at.Study.IsZero() || level == Study {
		all = append(all, studyRow...)
	}
	if level == Series || level == Image && at.Series.IsZero() {
		all = append(all, seriesRow...)
	}
	if level == Image {
		all = append(all, imageRow...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// searches returns the resources of QIDO-RS (PS3.18 Table 10.6.1-1).
func (h *Handler) searches() []resource {
	types := []string{typeJSON, typeXML}
	return []resource{
		{"GET", "/studies", Search, h.search(Study), types},
		{"GET", "/series", Search, h.search(Series), types},
		{"GET", "/instances", Search, h.search(Image), types},
		{"GET", pathStudy + "/series", Search, h.search(Series), types},
		{"GET", pathStudy + "/instances", Search, h.search(Image), types},
		{"GET", pathSeries + "/instances", Search, h.search(Image), types},
	}
}

// search answers a search for rows of a level.
func (h *Handler) search(level Level) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		offered := []string{typeJSON, typePlainJSON, typeXML}
		media, _, ok := choose(wants(r), offered...)
		if !ok {
			return notAcceptable(offered...)
		}
		at, err := scope(r)
		if err != nil {
			return err
		}
		a, err := parseQuery(r.URL.RawQuery)
		if err != nil {
			return err
		}
		wanted := rowOf(level, at)
		keys, err := a.dataset(at, wanted)
		if err != nil {
			return err
		}
		limit := h.maxRows()
		if a.limit >= 0 {
			limit = min(limit, a.limit)
		}
		s := &rows{h: h, level: level, at: at, base: h.base(r), wanted: wanted, xml: media == typeXML, limit: limit}
		q := Query{Level: level, Keys: keys, All: a.all, Fuzzy: a.fuzzy, Offset: a.offset, Limit: limit + 1}
		for row, err := range h.Find.Find(r.Context(), q) {
			if err == nil {
				err = s.add(row)
			}
			if err != nil {
				return err
			}
			if s.more {
				break
			}
		}
		h.warn(w, a, s)
		if c, ok := h.Find.(Counter); ok && a.total && s.more {
			n, err := c.Count(r.Context(), q)
			if err != nil {
				return err
			}
			w.Header().Set(totalCount, strconv.FormatInt(n, 10))
		}
		return s.write(w, r, media)
	}
}

// totalCount is the header that says how many rows match, which the standard has no
// place for: it is there when an answer holds the last row, which costs nothing, and
// when a request says count=true.
const totalCount = "X-Total-Count"

// warn tells what was left out (PS3.18 8.3.4.4, 8.3.4).
func (h *Handler) warn(w http.ResponseWriter, a *asked, s *rows) {
	if s.more {
		w.Header().Add("Warning", h.warning(s.base, "There are additional results that can be requested with offset="+strconv.Itoa(a.offset+s.n)))
	}
	if len(a.ignored) > 0 {
		w.Header().Add("Warning", h.warning(s.base, "These parameters are not supported and were passed over: "+strings.Join(a.ignored[:min(len(a.ignored), 20)], ", ")))
	}
	if !s.more {
		w.Header().Set(totalCount, strconv.Itoa(a.offset+s.n))
	}
}

// warning returns the value of a Warning header (PS3.18 10.6.3.2).
func (*Handler) warning(service, text string) string {
	return "299 " + service + ` "` + strings.ReplaceAll(text, `"`, "'") + `"`
}

// rows gathers the rows of an answer: there are never more than the limit, which is
// small enough to be held, and what the header says depends on the last one.
type rows struct {
	h      *Handler
	level  Level
	at     Scope
	base   string
	wanted []tag.Tag
	xml    bool
	limit  int

	b    bytes.Buffer
	ends []int // of XML documents in b
	n    int
	more bool
}

// add takes a row.
func (s *rows) add(row *dicom.Dataset) error {
	if s.n == s.limit {
		s.more = true
		return nil
	}
	ds, err := s.complete(row)
	if err != nil {
		return err
	}
	switch {
	case s.xml:
		err = WriteXML(&s.b, ds, dicom.JSONOptions{})
		s.ends = append(s.ends, s.b.Len())
	case s.n == 0:
		s.b.WriteByte('[')
		err = dicom.WriteJSON(&s.b, ds, dicom.JSONOptions{})
	default:
		s.b.WriteByte(',')
		err = dicom.WriteJSON(&s.b, ds, dicom.JSONOptions{})
	}
	s.n++
	return err
}

// complete adds to a row where it can be had and what it must name.
func (s *rows) complete(row *dicom.Dataset) (*dicom.Dataset, error) {
	b := dicom.Edit(row)
	for _, t := range s.wanted {
		if !row.Has(t) && !slices.Contains(optional, t) {
			if t == tag.InstanceAvailability {
				b.Text(t, "ONLINE")
				continue
			}
			b.Bytes(t, tag.VROf(t), nil)
		}
	}
	at := Scope{Study: row.UID(tag.StudyInstanceUID)}
	if at.Study.IsZero() {
		at.Study = s.at.Study
	}
	if s.level != Study {
		if at.Series = row.UID(tag.SeriesInstanceUID); at.Series.IsZero() {
			at.Series = s.at.Series
		}
	}
	if s.level == Image {
		at.Instance = row.UID(tag.SOPInstanceUID)
	}
	b.Text(tag.RetrieveURL, s.base+at.path())
	return b.Dataset()
}

// write writes the answer.
func (s *rows) write(w http.ResponseWriter, r *http.Request, media string) error {
	header := w.Header()
	header.Set("Cache-Control", "private, no-store")
	if s.n == 0 {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	if !s.xml {
		s.b.WriteByte(']')
		header.Set("Content-Type", media)
		return writeWhole(w, r, s.b.Bytes())
	}
	boundary := s.h.boundary()
	var body bytes.Buffer
	from := 0
	for _, to := range s.ends {
		partHead(&body, boundary, typeXML, "")
		body.Write(s.b.Bytes()[from:to])
		body.WriteString("\r\n")
		from = to
	}
	partEnd(&body, boundary)
	header.Set("Content-Type", related(typeXML, boundary))
	return writeWhole(w, r, body.Bytes())
}

// compressFrom is from how many bytes on an answer is worth compressing.
const compressFrom = 1 << 10

// writeWhole writes an answer that is there as a whole, compressed if that is wanted.
func writeWhole(w http.ResponseWriter, r *http.Request, body []byte) error {
	if len(body) >= compressFrom && gzipped(r) {
		var small bytes.Buffer
		z, err := gzip.NewWriterLevel(&small, gzip.BestSpeed)
		if err != nil {
			return err
		}
		if _, err := z.Write(body); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		w.Header().Set("Content-Encoding", "gzip")
		body = small.Bytes()
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // whoever hung up learns nothing
	}
	return nil
}
