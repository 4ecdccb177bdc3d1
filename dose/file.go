package dose

import (
	"io"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/fault"
)

// ReadFile reads the dose report in a DICOM object of size bytes with the default
// thresholds, or what the header of an image tells in its place. See
// Reader.ReadFile.
func ReadFile(src io.ReaderAt, size int64) (*Report, error) {
	return Reader{Defaults()}.ReadFile(src, size)
}

// ReadFile reads the dose report in a DICOM object of size bytes, or what the header
// of an image tells in its place: the Class of the report says which. If its end is
// missing, it returns what could be read together with an error of kind Invalid,
// and the report says truncated: it is for people to look at, not to count.
// Other errors are those of dicom.Open and of Read, without a report.
func (rd Reader) ReadFile(src io.ReaderAt, size int64) (*Report, error) {
	f, broken := dicom.Open(src, size, nil)
	if f == nil || f.Dataset == nil {
		return nil, broken
	}
	read := rd.Read
	if TellsDose(f.UID(tag.SOPClassUID)) {
		read = rd.ReadImage
	}
	r, err := read(f.Dataset)
	switch {
	case err != nil && broken != nil:
		return nil, broken
	case err != nil:
		return nil, err
	}
	r.encoding(f.Warnings)
	if broken != nil {
		r.Warnings = append(r.Warnings, Warning{Code: WarnTruncated})
		return r, fault.Errorf(fault.Of(broken), "read dose report: %w", broken)
	}
	return r, nil
}

// encoding adds what the parser found to the warnings of a report.
func (r *Report) encoding(found []dicom.Warning) {
	w := warnings{list: r.Warnings}
	for _, f := range found {
		switch f.Code {
		case dicom.WarnTruncated: // said by the error
		case dicom.WarnCharacterSet:
			w.add(f.Path, WarnCharset)
		default:
			w.add(f.Path, WarnEncoding, f.Code)
		}
	}
	r.Warnings = w.list
}
