package archive

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/fault"
)

// A Minimiser replaces what says who a patient is before anything of an object is
// kept: name, patient ID and accession number by a keyed hash, the same for the same
// text, the birth date by the age. What stands elsewhere in the header is taken out
// as far as it says the same; other identifiers of the patient are dropped. UIDs
// stay. docs/format/archive.md has the list, and what does not work then.
type Minimiser struct {
	Key [32]byte // of the installation; another key makes other hashes
	// Apart says by which pattern an ID or family name is known for that of a phantom
	// or test, and whether the pattern is one of names; "" for a patient. Nil: nobody
	// knows. The pattern takes the place of the name, and stands before the hash of
	// the ID, so that phantoms can still be told from patients.
	Apart func(id, family string) (pattern string, ofName bool)
	// Header bounds what stands before the pixels, in bytes, because it is held in
	// memory; 0 means 64 MB.
	Header int64
}

// The forms of hashes. The mark shows that a text is none that somebody typed.
const (
	hashMark        = "H-"
	hashLength      = 26 // characters of 5 bits
	accessionLength = 14 // with the mark the 16 characters of SH
)

var hashCode = base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding)

// hash returns the keyed hash of a text of a kind. A hash stays as it is.
func (m *Minimiser) hash(kind, text string, length int) string {
	if text = strings.TrimSpace(text); text == "" || isHash(text, length) {
		return text
	}
	mac := hmac.New(sha256.New, m.Key[:])
	_, _ = io.WriteString(mac, "radagora minimise 1\n"+kind+"\n"+text)
	return hashMark + hashCode.EncodeToString(mac.Sum(nil))[:length]
}

// isHash reports whether a text has the form of a hash.
func isHash(s string, length int) bool {
	code, ok := strings.CutPrefix(s, hashMark)
	if !ok || len(code) != length {
		return false
	}
	_, err := hashCode.DecodeString(code[:len(code)/8*8])
	return err == nil
}

// Short returns a text as it is shown: a hash by its first letters, everything else
// as it is.
func Short(s string) string {
	if isHash(s, hashLength) || isHash(s, accessionLength) {
		return s[:len(hashMark)+6] + "…"
	}
	return s
}

func (m *Minimiser) accession(s string) string { return m.hash("accession", s, accessionLength) }

// name hashes the alphabetic group of a name as it is searched for.
func (m *Minimiser) name(s string) string {
	if isHash(strings.TrimSpace(s), hashLength) {
		return strings.TrimSpace(s)
	}
	folded, other := FoldName(s)
	if folded == "" {
		folded = other
	}
	return m.hash("name", folded, hashLength)
}

// decideMode notes at the first start how objects are kept, and refuses to change
// it later.
func (a *Archive) decideMode(ctx context.Context) error {
	wanted, proof := a.Minimise != nil && a.Minimised, ""
	if a.Minimise != nil {
		proof = a.Minimise.hash("proof", "proof", hashLength)
	}
	var is bool
	var made string
	err := a.DB.QueryRow(ctx, `select minimised, proof from archive_mode where id = 1`).Scan(&is, &made)
	if err != nil && fault.Of(err) != fault.NotFound {
		return err
	}
	if err != nil {
		return a.firstMode(ctx, wanted, proof)
	}
	switch {
	case wanted && !is:
		return fault.Errorf(fault.Conflict, "this installation was begun without --minimise and keeps identities; that is decided at the first start: begin a new one with an empty data folder and --minimise, and import the objects there")
	case is && a.Minimise == nil:
		return fault.Errorf(fault.Internal, "archive: this installation is minimised, and no key was given")
	case is && made != proof:
		return fault.Errorf(fault.Conflict, "this installation was minimised with another key: restore the key file that belongs to this database")
	case !is:
		a.Minimise = nil
	}
	a.Minimised = is
	return nil
}

// firstMode notes the mode.
func (a *Archive) firstMode(ctx context.Context, minimised bool, proof string) error {
	if !minimised {
		a.Minimise, proof = nil, ""
	}
	return a.DB.Write(ctx, func(tx *db.Tx) error {
		var studies int64
		if err := tx.QueryRow(ctx, `select count(*) from (select 1 from study limit 1) as s`).Scan(&studies); err != nil {
			return err
		}
		if studies > 0 && minimised {
			return fault.Errorf(fault.Conflict, "this installation holds objects with identities already: begin a new one with an empty data folder and --minimise, and import the objects there")
		}
		_, err := tx.Exec(ctx, `insert into archive_mode (id, site_id, minimised, since_ms, proof) values (1, '', $1, $2, $3) on conflict (id) do nothing`,
			minimised, db.Millis(a.Now()), proof)
		return err
	})
}

// pixelGroup is where a header ends.
const (
	pixelGroup  = 0x7FE0
	firstPixels = tag.Tag(0x7FE00008)
	maxHeader   = 64 << 20
)

// arrival returns in without what says who the patient is. Errors are those of
// Receive.
func (m *Minimiser) arrival(in Arrival) (Arrival, error) {
	limit := m.Header
	if limit <= 0 {
		limit = maxHeader
	}
	c := &capture{from: in.Data, limit: limit}
	opts := &dicom.Options{StopAt: firstPixels}
	var f *dicom.File
	var err error
	if in.Part10 {
		f, err = dicom.Read(c, opts)
	} else {
		if in.SOPInstance.IsZero() || in.SOPClass.IsZero() || in.TransferSyntax.IsZero() {
			return in, refuse("no_command_uids", "the command names no SOP class, no SOP instance or no transfer syntax")
		}
		f, err = dicom.ReadDataset(c, in.TransferSyntax, opts)
	}
	switch {
	case c.failed != nil:
		return in, c.failed
	case err != nil:
		return in, unreadable(f, err)
	case f.End > limit:
		return in, c.tooLong()
	}
	if s, _ := uid.SyntaxOf(f.TransferSyntax); s.Deflated {
		return m.inflated(in, c, f)
	}
	return m.rewritten(in, f, c.held[f.Start:f.End], f.TransferSyntax, io.MultiReader(bytes.NewReader(c.held[f.End:]), in.Data))
}

// inflated does the same with a deflated object, which is kept without deflation.
func (m *Minimiser) inflated(in Arrival, c *capture, f *dicom.File) (Arrival, error) {
	all, err := io.ReadAll(io.LimitReader(flate.NewReader(io.MultiReader(bytes.NewReader(c.held[f.Start:]), in.Data)), c.limit+1))
	switch {
	case err != nil:
		return in, refuse("malformed", "the deflated data are damaged or end too early")
	case int64(len(all)) > c.limit:
		return in, refuse("beyond_bounds", "the object inflates to more than this minimised installation holds in memory")
	}
	end := f.End // counted in inflated bytes
	return m.rewritten(in, f, all[:end], uid.ExplicitVRLittleEndian, bytes.NewReader(all[end:]))
}

// rewritten puts an arrival together: meta information of our own, the header anew,
// the pixels as they come.
func (m *Minimiser) rewritten(in Arrival, f *dicom.File, header []byte, syntax uid.UID, rest io.Reader) (Arrival, error) {
	meta := dicom.Meta{SOPClass: in.SOPClass, SOPInstance: in.SOPInstance, TransferSyntax: syntax}
	if in.Part10 {
		meta.SOPClass, meta.SOPInstance = f.Meta.UID(tag.MediaStorageSOPClassUID), f.Meta.UID(tag.MediaStorageSOPInstanceUID)
		meta.SourceAE = clean(f.Meta.Text(tag.SourceApplicationEntityTitle))
		if f.Meta.Len() == 0 {
			meta.SOPClass, meta.SOPInstance = f.UID(tag.SOPClassUID), f.UID(tag.SOPInstanceUID)
		}
	}
	var file, out bytes.Buffer
	if err := dicom.WriteMeta(&file, meta); err != nil {
		return in, err
	}
	if in.Part10 {
		out.Write(file.Bytes())
	}
	file.Write(header)
	whole, err := dicom.Open(bytes.NewReader(file.Bytes()), int64(file.Len()), nil) // every value can be read
	if err != nil {
		return in, unreadable(whole, err)
	}
	if err := visible(whole.Dataset); err != nil {
		return in, err
	}
	d, err := m.dataset(whole.Dataset)
	if err != nil {
		return in, refuse("not_minimised", "the header cannot be written without the patient: %w", err)
	}
	if err := dicom.Write(&out, d, syntax); err != nil {
		return in, refuse("not_minimised", "the header cannot be written without the patient: %w", err)
	}
	in.TransferSyntax = syntax
	in.Data = io.MultiReader(&out, newPixels(rest, syntax))
	return in, nil
}

// encapsulated begins the UIDs of SOP classes that hold a document of another kind.
const encapsulated = "1.2.840.10008.5.1.4.1.1.104."

// visible refuses objects whose content shows the patient where no header says it.
func visible(d *dicom.Dataset) error {
	switch {
	case strings.HasPrefix(d.UID(tag.SOPClassUID).String(), encapsulated):
		return refuse("identity_in_content", "a document inside of an object may name the patient, and this installation is minimised")
	case strings.EqualFold(d.Text(tag.BurnedInAnnotation), "YES"):
		return refuse("identity_in_content", "the pixels show the patient's identity (Burned In Annotation), and this installation is minimised")
	}
	return nil
}

// dataset returns d without what says who the patient is.
func (m *Minimiser) dataset(d *dicom.Dataset) (*dicom.Dataset, error) {
	w := rewriter{m: m}
	w.collect(d)
	slices.SortFunc(w.secrets, func(a, b secret) int { return len(b.text) - len(a.text) }) // the longest first
	b := w.build(d, true)
	if b.err != nil {
		return nil, b.err
	}
	return b.Dataset()
}

// A secret is a text that says who the patient is.
type secret struct {
	text  string
	raw   []byte // as it stands in the object
	whole bool   // only as a word of its own
}

// A rewriter makes one header anew.
type rewriter struct {
	m       *Minimiser
	secrets []secret
}

// of the attributes that say who the patient is, those whose values are looked for
// everywhere else.
var (
	identifying = map[tag.Tag]bool{
		tag.PatientID: true, tag.OtherPatientIDs: true, tag.AccessionNumber: true,
		tag.AdmissionID: true, tag.PatientBirthDate: true,
	}
	naming = map[tag.Tag]bool{
		tag.PatientName: true, tag.OtherPatientNames: true, tag.PatientBirthName: true, tag.PatientMotherBirthName: true,
	}
	// harmless are the attributes of group 0010 that say nothing of who it is, and
	// those that are replaced.
	harmless = map[tag.Tag]bool{
		tag.IssuerOfPatientID: true, tag.TypeOfPatientID: true, tag.PatientSex: true, tag.PatientAge: true,
		tag.PatientSize: true, tag.PatientWeight: true, tag.PregnancyStatus: true,
		tag.PatientID: true, tag.PatientName: true, tag.PatientBirthDate: true,
	}
	// dropped are attributes that hold, or may hold, who it is and nothing else.
	dropped = map[tag.Tag]bool{
		tag.PersonAddress: true, tag.PersonTelephoneNumbers: true, tag.OriginalAttributesSequence: true,
		tag.EncryptedAttributesSequence: true, tag.IconImageSequence: true, tag.ReferencedPatientSequence: true,
		tag.PlacerOrderNumberImagingServiceRequest: true, tag.FillerOrderNumberImagingServiceRequest: true,
		tag.PlacerOrderNumberProcedure: true, tag.FillerOrderNumberProcedure: true,
		tag.PlacerOrderNumberImagingServiceRequestRetired: true, tag.FillerOrderNumberImagingServiceRequestRetired: true,
	}
)

const (
	patientGroup = 0x0010
	visitGroup   = 0x0038
	leastSecret  = 2 // characters
	anywhere     = 5 // characters from which on an identifier is looked for inside of words too
)

// collect finds the secrets, in items too.
func (w *rewriter) collect(d *dicom.Dataset) {
	for e := range d.All() {
		switch {
		case e.Sequence():
			for _, item := range e.Items() {
				w.collect(item)
			}
		case identifying[e.Tag()]:
			w.encoded(e)
			for _, s := range e.Texts() {
				w.add(s, len(s) < anywhere)
			}
		case naming[e.Tag()]:
			w.encoded(e)
			for _, s := range e.Texts() {
				w.add(s, false)
				for _, part := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("^= ", r) }) {
					w.add(part, true)
				}
			}
		}
	}
}

// add adds a secret.
func (w *rewriter) add(s string, whole bool) {
	s = strings.TrimSpace(s)
	if len([]rune(s)) >= leastSecret && !isHash(s, hashLength) && !isHash(s, accessionLength) {
		w.secrets = append(w.secrets, secret{text: s, raw: []byte(s), whole: whole})
	}
}

// encoded adds the parts of a value as they are encoded, for bytes that hold them.
func (w *rewriter) encoded(e dicom.Element) {
	raw, err := e.Bytes()
	if err != nil {
		return // it is short, so it was kept
	}
	for _, part := range bytes.FieldsFunc(raw, func(r rune) bool { return strings.ContainsRune("^=\\ \x00", r) }) {
		w.secrets = append(w.secrets, secret{raw: part})
	}
}

// A building is a dicom.Builder with the first error of reading.
type building struct {
	*dicom.Builder
	err error
}

// build makes the elements of d anew; top says that it is the data set itself.
func (w *rewriter) build(d *dicom.Dataset, top bool) *building {
	b := &building{Builder: dicom.NewBuilder()}
	for e := range d.All() {
		if b.err == nil {
			w.element(b, d, e)
		}
	}
	if top {
		if age := ageAt(d); age != "" && d.Text(tag.PatientAge) == "" {
			b.Text(tag.PatientAge, age)
		}
	}
	return b
}

// element makes one element anew.
func (w *rewriter) element(b *building, d *dicom.Dataset, e dicom.Element) {
	t := e.Tag()
	switch {
	case dropped[t], t.Group() == visitGroup, t.Group() == patientGroup && !harmless[t]:
	case t == tag.PatientID:
		b.Text(t, w.patientID(d, e.Text()))
	case t == tag.PatientName:
		b.Text(t, w.patientName(d, e.Text()))
	case t == tag.AccessionNumber:
		b.Text(t, w.m.accession(e.Text()))
	case t == tag.PatientBirthDate, t == tag.Date && w.isSecret(e.Text()):
		b.Text(t)
	case e.Sequence():
		var items []*dicom.Builder
		for _, item := range e.Items() {
			one := w.build(item, false)
			if one.err != nil {
				b.err = one.err
				return
			}
			items = append(items, one.Builder)
		}
		b.Sequence(t, items...)
	case e.Encapsulated():
	default:
		w.value(b, e)
	}
}

// isSecret reports whether a text is a secret itself.
func (w *rewriter) isSecret(s string) bool {
	return slices.ContainsFunc(w.secrets, func(x secret) bool { return s != "" && x.text == s })
}

// value copies a value that is no patient's attribute, without secrets.
func (w *rewriter) value(b *building, e dicom.Element) {
	v := e.VR()
	if v == vr.UN && !e.Tag().Private() {
		v = tag.VROf(e.Tag())
	}
	if v.Text() {
		texts, changed := e.Texts(), false
		for i, s := range texts {
			if masked := w.mask(s); masked != s {
				texts[i], changed = masked, true
			}
		}
		if changed {
			b.TextAs(e.Tag(), v, texts...)
			return
		}
	}
	if e.Length() > 0xFFFE && !e.VR().Long() || v.Opaque() || e.Tag().Private() {
		raw, err := e.Bytes()
		switch {
		case err != nil:
			b.err = err
			return
		case (v.Opaque() || e.Tag().Private()) && w.inside(raw):
			return
		case e.Length() > 0xFFFE && !e.VR().Long(): // only implicit VR can say it
			b.Bytes(e.Tag(), vr.UN, raw)
			return
		}
	}
	b.Copy(e)
}

// inside reports whether bytes of any kind hold a secret that is long enough not to
// be there by chance.
func (w *rewriter) inside(raw []byte) bool {
	lower := bytes.ToLower(raw)
	return slices.ContainsFunc(w.secrets, func(s secret) bool {
		return len(s.raw) >= 4 && bytes.Contains(lower, bytes.ToLower(s.raw))
	})
}

// mask puts asterisks in the place of secrets.
func (w *rewriter) mask(s string) string {
	for _, x := range w.secrets {
		for from := 0; x.text != ""; {
			i := indexFold(s[from:], x.text)
			if i < 0 {
				break
			}
			i += from
			end := i + len(x.text)
			if x.whole && (letterBefore(s[:i]) || letterAfter(s[end:])) {
				from = i + 1
				for from < len(s) && s[from]&0xC0 == 0x80 {
					from++
				}
				continue
			}
			stars := strings.Repeat("*", len([]rune(s[i:end])))
			s, from = s[:i]+stars+s[end:], i+len(stars)
		}
	}
	return s
}

// indexFold is strings.Index whatever the case, for texts whose letters keep their
// length when they change it.
func indexFold(s, part string) int {
	for i := range s {
		if len(s)-i >= len(part) && strings.EqualFold(s[i:i+len(part)], part) {
			return i
		}
	}
	return -1
}

func letterBefore(s string) bool {
	all := []rune(s)
	return len(all) > 0 && wordly(all[len(all)-1])
}

func letterAfter(s string) bool {
	for _, r := range s {
		return wordly(r)
	}
	return false
}

func wordly(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// apart returns the pattern by which a data set is known for that of no patient.
func (w *rewriter) apart(d *dicom.Dataset) (stem string, prefix, ofName bool) {
	if w.m.Apart == nil {
		return "", false, false
	}
	family, _, _ := strings.Cut(d.Text(tag.PatientName), "^")
	pattern, ofName := w.m.Apart(d.Text(tag.PatientID), family)
	stem, prefix = strings.CutSuffix(pattern, "*")
	return stem, prefix, ofName
}

// patientID returns what is kept of a patient ID.
func (w *rewriter) patientID(d *dicom.Dataset, s string) string {
	hashed := w.m.hash("patient", s, hashLength)
	stem, prefix, ofName := w.apart(d)
	switch {
	case stem == "" || ofName:
		return hashed
	case prefix:
		return stem + hashed
	}
	return stem
}

// patientName returns what is kept of a name.
func (w *rewriter) patientName(d *dicom.Dataset, s string) string {
	if stem, _, ofName := w.apart(d); ofName && stem != "" {
		return stem
	}
	return w.m.name(s)
}

// ageAt returns the age at the study as AS (PS3.5 6.2): days up to 90, months up to
// 24, then years; "" if a date is missing.
func ageAt(d *dicom.Dataset) string {
	born, err := time.Parse("20060102", parseDate(d.Text(tag.PatientBirthDate)))
	if err != nil {
		return ""
	}
	var on time.Time
	for _, t := range []tag.Tag{tag.StudyDate, tag.SeriesDate, tag.AcquisitionDate, tag.ContentDate} {
		if on, err = time.Parse("20060102", parseDate(d.Text(t))); err == nil {
			break
		}
	}
	if err != nil || on.Before(born) {
		return ""
	}
	days := int(on.Sub(born).Hours() / 24)
	months := (on.Year()-born.Year())*12 + int(on.Month()) - int(born.Month())
	if on.Day() < born.Day() {
		months--
	}
	switch {
	case days <= 90:
		return fmt.Sprintf("%03dD", days)
	case months < 24:
		return fmt.Sprintf("%03dM", months)
	case months < 12000:
		return fmt.Sprintf("%03dY", months/12)
	}
	return ""
}

// A capture remembers what was read, up to a limit.
type capture struct {
	from   io.Reader
	held   []byte
	limit  int64
	failed error
}

// Read implements io.Reader.
func (c *capture) Read(b []byte) (int, error) {
	if c.failed != nil {
		return 0, c.failed
	}
	n, err := c.from.Read(b)
	if int64(len(c.held)+n) > c.limit+int64(len(b)) {
		c.failed = c.tooLong()
		return 0, c.failed
	}
	c.held = append(c.held, b[:n]...)
	if err != nil && !errors.Is(err, io.EOF) {
		c.failed = unavailable(err)
	}
	return n, err
}

func (*capture) tooLong() error {
	return refuse("beyond_bounds", "what stands before the pixels is longer than this minimised installation holds in memory")
}
