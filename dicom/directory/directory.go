// Package directory makes the directory of a medium.
//
// A medium is a file-set with a DICOMDIR (PS3.10 section 8, PS3.3 Annex F): a tree of
// patients, studies, series and instances that other applications browse before they
// read a file.
package directory

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// An Entry is a file of the medium.
type Entry struct {
	// File is its File ID: folders and name, at most 8 components of at most 8
	// characters A–Z, 0–9 and _ (PS3.10 section 8.5). FileID makes one.
	File []string
	// Header is its data set, of which the keys are taken.
	Header *dicom.Dataset

	SOPClass, SOPInstance, TransferSyntax uid.UID
}

// MostEntries is how many files a Directory takes.
const MostEntries = 200_000

// FileID returns the File ID of the nth instance of a series of a study of a patient,
// each counted from 0, on one medium.
func FileID(patient, study, series, n int) []string {
	return []string{"DICOM", fmt.Sprintf("P%05d", patient), fmt.Sprintf("S%05d", study), fmt.Sprintf("R%05d", series), fmt.Sprintf("I%07d", n)}
}

// A node is a directory record with those below it.
type node struct {
	kind  string
	key   string
	keys  *dicom.Builder
	below []*node
	entry *Entry
	item  int // its place in the sequence
}

// A Directory collects what is on a medium. The zero value is empty.
type Directory struct {
	root node
	seen map[string]bool
}

// Add puts a file into the directory; its header is not needed afterwards. Invalid: it
// has no valid File ID, is there already, or lacks a UID by which it is filed.
// Exhausted: there are MostEntries.
func (d *Directory) Add(e Entry) error {
	if err := e.check(); err != nil {
		return err
	}
	id := strings.Join(e.File, `\`)
	switch {
	case d.seen[id]:
		return fault.Errorf(fault.Invalid, "file %s is there twice", id)
	case len(d.seen) >= MostEntries:
		return fault.Errorf(fault.Exhausted, "a directory holds at most %d files", MostEntries)
	case d.seen == nil:
		d.seen = map[string]bool{}
	}
	d.seen[id] = true
	d.root.file(e)
	return nil
}

// Write writes the DICOMDIR. fileSet names the medium, as far as its characters may
// stand in a File-set ID. Invalid: nothing was added.
func (d *Directory) Write(w io.Writer, fileSet string) error {
	if len(d.seen) == 0 {
		return fault.Errorf(fault.Invalid, "a directory of nothing")
	}
	text, items, err := build(fileSet, &d.root)
	if err != nil {
		return err
	}
	if err := link(text, &d.root, items); err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// check says what cannot be of an entry.
func (e *Entry) check() error {
	if len(e.File) == 0 || len(e.File) > 8 {
		return fault.Errorf(fault.Invalid, "a File ID has 1 to 8 components, not %d (PS3.10 8.5)", len(e.File))
	}
	for _, c := range e.File {
		if c == "" || len(c) > 8 || strings.Trim(c, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
			return fault.Errorf(fault.Invalid, "a component of a File ID has 1 to 8 characters A-Z, 0-9 and _ (PS3.10 8.5)")
		}
	}
	if e.Header == nil || e.SOPClass.IsZero() || e.SOPInstance.IsZero() || e.TransferSyntax.IsZero() {
		return fault.Errorf(fault.Invalid, "file %s: header, SOP class, SOP instance or transfer syntax is missing", strings.Join(e.File, `\`))
	}
	for _, t := range []tag.Tag{tag.StudyInstanceUID, tag.SeriesInstanceUID} {
		if e.Header.UID(t).IsZero() {
			return fault.Errorf(fault.Invalid, "file %s: no valid %v", strings.Join(e.File, `\`), t)
		}
	}
	return nil
}

// child returns the record below n of a kind with a key, which keys makes.
func (n *node) child(kind, key string, keys func() *dicom.Builder) *node {
	for _, c := range slices.Backward(n.below) { // files come series by series
		if c.kind == kind && c.key == key {
			return c
		}
	}
	c := &node{kind: kind, key: key, keys: keys()}
	n.below = append(n.below, c)
	return c
}

// file puts an entry into its place.
func (n *node) file(e Entry) {
	h := e.Header
	e.Header = nil
	who := h.Text(tag.IssuerOfPatientID) + "|" + h.Text(tag.PatientID)
	if h.Text(tag.PatientID) == "" {
		who = "study " + h.Text(tag.StudyInstanceUID) // whoever it is, they are not mixed up with others
	}
	patient := n.child("PATIENT", who, func() *dicom.Builder {
		return take(h, []tag.Tag{tag.PatientName}, tag.PatientID, tag.IssuerOfPatientID, tag.PatientBirthDate, tag.PatientSex)
	})
	study := patient.child("STUDY", h.Text(tag.StudyInstanceUID), func() *dicom.Builder {
		b := take(h, []tag.Tag{tag.AccessionNumber, tag.StudyDescription}, tag.StudyInstanceUID)
		b.Text(tag.StudyDate, orText(h, "19000101", tag.StudyDate, tag.SeriesDate, tag.AcquisitionDate, tag.ContentDate))
		return b.Text(tag.StudyTime, orText(h, "000000", tag.StudyTime)).Text(tag.StudyID, orText(h, "0", tag.StudyID))
	})
	series := study.child("SERIES", h.Text(tag.SeriesInstanceUID), func() *dicom.Builder {
		b := take(h, nil, tag.SeriesInstanceUID, tag.SeriesDescription)
		return b.Text(tag.SeriesNumber, orText(h, "0", tag.SeriesNumber)).Text(tag.Modality, orText(h, "OT", tag.Modality))
	})
	kind := kindOf(e.SOPClass, h)
	b := take(h, nil, leafKeys[kind]...).Text(tag.InstanceNumber, orText(h, "0", tag.InstanceNumber))
	if dated := leafKeys[kind]; len(dated) > 1 && slices.Contains(dated, tag.ContentDate) && kind != "IMAGE" {
		b.Text(tag.ContentDate, orText(h, "19000101", tag.ContentDate, tag.SeriesDate, tag.StudyDate))
		b.Text(tag.ContentTime, orText(h, "000000", tag.ContentTime, tag.SeriesTime, tag.StudyTime))
	}
	series.below = append(series.below, &node{kind: kind, entry: &e, keys: b})
}

// orText returns the first of the attributes that has a value. A directory demands
// values that an instance need not have (PS3.3 F.5): the last resort stands for "not
// known", in the directory alone.
func orText(h *dicom.Dataset, none string, tags ...tag.Tag) string {
	for _, t := range tags {
		if text := h.Text(t); text != "" {
			return text
		}
	}
	return none
}

// take returns the keys of a record: those of must also where they are empty.
func take(h *dicom.Dataset, must []tag.Tag, may ...tag.Tag) *dicom.Builder {
	b := dicom.NewBuilder()
	for i, t := range append(slices.Clone(must), may...) {
		e, ok := h.Element(t)
		switch {
		case ok && e.Sequence():
			var items []*dicom.Builder
			for _, item := range e.Items() {
				items = append(items, take(item, nil, tag.CodeValue, tag.CodingSchemeDesignator, tag.CodeMeaning))
			}
			b.Sequence(t, items...)
		case ok && !e.Empty():
			b.Text(t, e.Texts()...)
		case i < len(must):
			b.Text(t)
		}
	}
	return b
}

// leafKeys are keys of records of instances beyond their number (PS3.3 F.5).
var leafKeys = map[string][]tag.Tag{
	"IMAGE":            {tag.ContentDate, tag.ContentTime},
	"SR DOCUMENT":      {tag.CompletionFlag, tag.VerificationFlag, tag.ContentDate, tag.ContentTime, tag.VerificationDateTime, tag.ConceptNameCodeSequence},
	"KEY OBJECT DOC":   {tag.ContentDate, tag.ContentTime, tag.ConceptNameCodeSequence},
	"PRESENTATION":     {tag.PresentationCreationDate, tag.PresentationCreationTime, tag.ContentLabel, tag.ContentDescription},
	"WAVEFORM":         {tag.ContentDate, tag.ContentTime},
	"RT DOSE":          {tag.DoseSummationType},
	"RT STRUCTURE SET": {tag.StructureSetLabel, tag.StructureSetDate, tag.StructureSetTime},
	"RT PLAN":          {tag.RTPlanLabel, tag.RTPlanDate, tag.RTPlanTime},
	"ENCAP DOC":        {tag.ContentDate, tag.ContentTime, tag.DocumentTitle, tag.MIMETypeOfEncapsulatedDocument},
}

// kindOf returns the Directory Record Type for an instance (PS3.3 Table F.4-1).
func kindOf(class uid.UID, h *dicom.Dataset) string {
	name := uid.Name(class)
	switch {
	case class == uid.KeyObjectSelectionDocumentStorage:
		return "KEY OBJECT DOC"
	case strings.Contains(name, " SR ") || strings.HasSuffix(name, "SR Storage") || strings.HasPrefix(class.String(), "1.2.840.10008.5.1.4.1.1.88."):
		return "SR DOCUMENT"
	case strings.Contains(name, "Presentation State"):
		return "PRESENTATION"
	case strings.Contains(name, "Waveform") || strings.Contains(name, " ECG "):
		return "WAVEFORM"
	case name == "RT Dose Storage":
		return "RT DOSE"
	case name == "RT Structure Set Storage":
		return "RT STRUCTURE SET"
	case name == "RT Plan Storage" || name == "RT Ion Plan Storage":
		return "RT PLAN"
	case strings.HasPrefix(name, "Encapsulated "):
		return "ENCAP DOC"
	case h.Has(tag.Rows) || strings.Contains(name, "Image Storage"):
		return "IMAGE"
	}
	return "PRIVATE" // of no other kind: it is found by its UID
}

// walk visits the records in the order in which they stand in the sequence.
func (n *node) walk(do func(*node) error) error {
	for _, c := range n.below {
		if err := do(c); err != nil {
			return err
		}
		if err := c.walk(do); err != nil {
			return err
		}
	}
	return nil
}

// build encodes the directory with offsets that are all 0, and returns the records'
// number.
func build(fileSet string, root *node) ([]byte, int, error) {
	var items []*dicom.Builder
	err := root.walk(func(n *node) error {
		n.item = len(items)
		b := n.keys.Int(tag.OffsetOfTheNextDirectoryRecord, 0).Int(tag.RecordInUseFlag, 0xFFFF).
			Int(tag.OffsetOfReferencedLowerLevelDirectoryEntity, 0).Text(tag.DirectoryRecordType, n.kind)
		if e := n.entry; e != nil {
			b.Text(tag.ReferencedFileID, e.File...).UID(tag.ReferencedSOPClassUIDInFile, e.SOPClass).
				UID(tag.ReferencedSOPInstanceUIDInFile, e.SOPInstance).UID(tag.ReferencedTransferSyntaxUIDInFile, e.TransferSyntax)
			if n.kind == "PRIVATE" {
				b.UID(tag.PrivateRecordUID, e.SOPClass)
			}
		}
		items = append(items, b)
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	fileSet = strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == ' ' {
			return r
		}
		return '_'
	}, strings.ToUpper(fileSet))
	b := dicom.NewBuilder().Text(tag.FileSetID, fileSet[:min(len(fileSet), 16)]).
		Int(tag.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity, 0).
		Int(tag.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity, 0).
		Int(tag.FileSetConsistencyFlag, 0).Sequence(tag.DirectoryRecordSequence, items...)
	ds, err := b.Dataset()
	if err != nil {
		return nil, 0, err
	}
	var out bytes.Buffer
	if err := dicom.WriteMeta(&out, dicom.Meta{
		SOPClass: uid.MediaStorageDirectoryStorage, SOPInstance: uid.Derive(root.below[0].first(), "DICOMDIR"), TransferSyntax: uid.ExplicitVRLittleEndian,
	}); err != nil {
		return nil, 0, err
	}
	if err := dicom.Write(&out, ds, uid.ExplicitVRLittleEndian); err != nil {
		return nil, 0, err
	}
	return out.Bytes(), len(items), nil
}

// link writes the offsets into the encoded directory: where each record's neighbour
// and first child begin, counted from the first byte of the file.
func link(text []byte, root *node, n int) error {
	if int64(len(text)) > 1<<32-1 {
		return fault.Errorf(fault.Exhausted, "directory of more than 4 GB")
	}
	f, err := dicom.Open(bytes.NewReader(text), int64(len(text)), nil)
	if err != nil {
		return err
	}
	items := f.Items(tag.DirectoryRecordSequence)
	if len(items) != n {
		return fault.Errorf(fault.Internal, "directory: %d records were written, %d are found", n, len(items))
	}
	const head = 8 // of an item, and of an element with a short length
	at := func(n *node) uint32 {
		e, _ := items[n.item].Element(tag.OffsetOfTheNextDirectoryRecord) // the first of an item
		return uint32(e.Offset() - head - head)                           //nolint:gosec // G115: less than the length of the file, which is looked at before
	}
	put := func(d *dicom.Dataset, t tag.Tag, to uint32) {
		if e, ok := d.Element(t); ok {
			binary.LittleEndian.PutUint32(text[e.Offset():], to)
		}
	}
	siblings := func(list []*node) {
		for i := range list[:max(0, len(list)-1)] {
			put(items[list[i].item], tag.OffsetOfTheNextDirectoryRecord, at(list[i+1]))
		}
	}
	put(f.Dataset, tag.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity, at(root.below[0]))
	put(f.Dataset, tag.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity, at(root.below[len(root.below)-1]))
	siblings(root.below)
	return root.walk(func(n *node) error {
		if len(n.below) > 0 {
			put(items[n.item], tag.OffsetOfReferencedLowerLevelDirectoryEntity, at(n.below[0]))
			siblings(n.below)
		}
		return nil
	})
}

// first returns the first instance below n.
func (n *node) first() uid.UID {
	for n.entry == nil {
		n = n.below[0]
	}
	return n.entry.SOPInstance
}
