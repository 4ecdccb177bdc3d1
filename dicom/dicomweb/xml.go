package dicomweb

import (
	"bufio"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/vr"
	"radagora/fault"
)

// WriteXML writes d as a document of the Native DICOM Model (PS3.19 A.1), in UTF-8.
// What o says of bulk data holds as in JSON. Group lengths are left out.
func WriteXML(w io.Writer, d *dicom.Dataset, o dicom.JSONOptions) error {
	x := &xmlWriter{b: bufio.NewWriterSize(w, 16<<10), o: o}
	x.raw(xml.Header + `<NativeDicomModel xml:space="preserve" xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">`)
	if err := x.dataset(d, ""); err != nil {
		return err
	}
	x.raw("</NativeDicomModel>")
	return x.b.Flush()
}

// An xmlWriter writes data sets. The bufio.Writer remembers the first error.
type xmlWriter struct {
	b *bufio.Writer
	o dicom.JSONOptions
}

func (x *xmlWriter) raw(s string) { _, _ = x.b.WriteString(s) }

// text writes s escaped. What XML cannot hold becomes a replacement character.
func (x *xmlWriter) text(s string) { _ = xml.EscapeText(x.b, []byte(s)) }

func (x *xmlWriter) dataset(d *dicom.Dataset, path string) error {
	for e := range d.All() {
		if e.Tag().Element() == 0 {
			continue
		}
		if err := x.element(d, e, path); err != nil {
			return err
		}
	}
	return nil
}

// element writes a DicomAttribute.
func (x *xmlWriter) element(d *dicom.Dataset, e dicom.Element, path string) error {
	t := e.Tag()
	name := fmt.Sprintf("%08X", uint32(t))
	v := e.VR()
	if !v.Known() {
		v = vr.UN
	}
	x.raw(`<DicomAttribute tag="` + name + `" vr="` + v.String() + `"`)
	if entry, ok := tag.Lookup(t); ok && entry.Keyword != "" {
		x.raw(` keyword="` + entry.Keyword + `"`)
	}
	if creator, ok := t.CreatorOf(); ok {
		x.raw(` privateCreator="`)
		x.text(d.Text(creator))
		x.raw(`"`)
	}
	x.raw(">")
	if err := x.content(e, v, path+name); err != nil {
		return err
	}
	x.raw("</DicomAttribute>")
	return nil
}

// content writes what an element holds.
func (x *xmlWriter) content(e dicom.Element, v vr.VR, path string) error {
	switch {
	case e.Empty():
	case e.Sequence():
		for i, item := range e.Items() {
			n := strconv.Itoa(i + 1)
			x.raw(`<Item number="` + n + `">`)
			if err := x.dataset(item, path+"/"+n+"/"); err != nil {
				return err
			}
			x.raw("</Item>")
		}
	case e.Encapsulated() || v.Opaque() || v == vr.SQ:
		return x.bulk(e, path)
	case e.Length() > maxXMLText:
		return fault.Errorf(fault.Exhausted, "%v: a value of %d bytes in XML", e.Tag(), e.Length())
	case v == vr.PN:
		for i, s := range e.Texts() {
			x.name(i+1, s)
		}
	case e.Tag() == tag.SpecificCharacterSet:
		x.raw(`<Value number="1">` + charsetUTF8 + "</Value>")
	default:
		for i, s := range e.Texts() {
			x.raw(`<Value number="` + strconv.Itoa(i+1) + `">`)
			x.text(s)
			x.raw("</Value>")
		}
	}
	return nil
}

// maxXMLText is how many bytes a value may have that is written as text.
const maxXMLText = 16 << 20

// name writes a person's name: groups of components.
func (x *xmlWriter) name(n int, s string) {
	x.raw(`<PersonName number="` + strconv.Itoa(n) + `">`)
	groups := strings.SplitN(s, "=", 3)
	for i, group := range groups {
		if group == "" {
			continue
		}
		of := [...]string{"Alphabetic", "Ideographic", "Phonetic"}[i]
		x.raw("<" + of + ">")
		for j, c := range strings.SplitN(group, "^", 5) {
			if c == "" {
				continue
			}
			part := [...]string{"FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix"}[j]
			x.raw("<" + part + ">")
			x.text(c)
			x.raw("</" + part + ">")
		}
		x.raw("</" + of + ">")
	}
	x.raw("</PersonName>")
}

// bulk writes bytes, or where they can be fetched.
func (x *xmlWriter) bulk(e dicom.Element, path string) error {
	if x.o.BulkDataURI != nil && (e.Encapsulated() || e.Length() > x.o.InlineLimit) {
		if uri := x.o.BulkDataURI(path, e); uri != "" {
			x.raw(`<BulkData uri="`)
			x.text(uri)
			x.raw(`"/>`)
			return nil
		}
	}
	if e.Encapsulated() {
		return nil
	}
	r, err := e.Open()
	if err != nil {
		return err
	}
	x.raw("<InlineBinary>")
	z := base64.NewEncoder(base64.StdEncoding, x.b)
	if _, err := io.Copy(z, r); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	x.raw("</InlineBinary>")
	return nil
}
