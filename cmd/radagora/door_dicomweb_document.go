package main

import (
	"bytes"
	"context"
	"strings"

	"radagora/dicom"
	"radagora/dicom/dicomweb"
	"radagora/dicom/sr"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// documents renders structured reports and encapsulated documents.
type documents struct{ *house }

// structured is what the classes of structured reports begin with (PS3.4 B.5).
const structured = "1.2.840.10008.5.1.4.1.1.88."

// largestDocument bounds what is held to be shown.
const largestDocument = 128 << 20

// MediaTypes implements dicomweb.Documenter.
func (documents) MediaTypes(class uid.UID) []string {
	switch {
	case strings.HasPrefix(class.String(), structured), class == uid.KeyObjectSelectionDocumentStorage:
		return []string{"text/html", "text/plain"}
	case class == uid.EncapsulatedPDFStorage:
		return []string{"application/pdf"}
	case class == uid.EncapsulatedCDAStorage:
		return []string{"text/xml"}
	}
	return nil
}

// Document implements dicomweb.Documenter.
func (d documents) Document(_ context.Context, _ dicomweb.Instance, o dicomweb.Object, media string) (out []byte, err error) {
	err = pixels(d).read(o, func(f *dicom.File) error {
		var b bytes.Buffer
		switch media {
		case "application/pdf", "text/xml":
			out, err = encapsulated(f.Dataset, media)
			return err
		}
		doc, err := sr.Parse(f.Dataset)
		if err != nil {
			return err
		}
		if media == "text/plain" {
			err = doc.Text(&b)
		} else {
			err = doc.HTML(&b, sr.Page{Heading: headingOf(f.Dataset), Link: objectLink})
		}
		out = b.Bytes()
		return err
	})
	return out, err
}

// headingOf is whose report it is, and how far it is, in the dictionary's words.
func headingOf(ds *dicom.Dataset) []sr.Fact {
	var all []sr.Fact
	for _, t := range []tag.Tag{
		tag.PatientName, tag.PatientID, tag.PatientBirthDate, tag.PatientSex, tag.StudyDate, tag.StudyDescription, tag.AccessionNumber,
		tag.ContentDate, tag.CompletionFlag, tag.VerificationFlag,
	} {
		text := ds.Text(t)
		if t == tag.PatientName {
			text = readable(text)
		}
		if text != "" {
			all = append(all, sr.Fact{Label: t.Name(), Value: text})
		}
	}
	return all
}

// objectLink returns where pages show what a report names.
func objectLink(r sr.Reference) string {
	u, err := uid.Parse(r.SOPInstance)
	if err != nil {
		return ""
	}
	return "/images/objects/" + u.String()
}

// encapsulated returns the document that an object carries (PS3.3 C.24.2), if it is
// what its class says: a browser is told that it is.
func encapsulated(ds *dicom.Dataset, media string) ([]byte, error) {
	e, ok := ds.Element(tag.EncapsulatedDocument)
	if !ok || e.Length() > largestDocument {
		return nil, fault.Errorf(fault.Unsupported, "there is no document in this object, or it is larger than %d bytes", largestDocument)
	}
	raw, err := e.Bytes()
	if err != nil {
		return nil, err
	}
	head := raw[:min(len(raw), 1024)]
	if media == "application/pdf" && !bytes.Contains(head, []byte("%PDF-")) {
		return nil, fault.Errorf(fault.Unsupported, "the document in this object is no PDF")
	}
	if media == "text/xml" {
		raw = bytes.TrimRight(raw, "\x00 ")
	}
	return raw, nil
}
