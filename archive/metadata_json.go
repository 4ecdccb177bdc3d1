package archive

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"slices"
	"strconv"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/fault"
)

// What stands in a block is JSON that this program wrote: data sets without a space
// between tokens, with commas between. So it is cut, and put together anew, without
// being decoded.

// A member is one element of a data set, as it stands there.
type member struct {
	tag tag.Tag
	raw []byte // "GGGGEEEE":{…}
}

// members are the elements of a data set in ascending order.
type members []member

// errJSON says that a block is not what was written.
var errJSON = fault.Errorf(fault.Internal, "prepared metadata cannot be read")

// cut returns the members of a data set.
func cut(object []byte) (members, error) {
	if len(object) < 2 || object[0] != '{' || object[len(object)-1] != '}' {
		return nil, errJSON
	}
	var all members
	for rest := object[1 : len(object)-1]; len(rest) > 0; {
		if len(rest) < 12 || rest[0] != '"' || rest[9] != '"' {
			return nil, errJSON
		}
		t, err := strconv.ParseUint(string(rest[1:9]), 16, 32)
		end := value(rest[11:])
		if err != nil || end <= 0 {
			return nil, errJSON
		}
		end += 11
		all = append(all, member{tag.Tag(t), rest[:end]})
		if rest = rest[end:]; len(rest) > 0 {
			rest = rest[1:]
		}
	}
	return all, nil
}

// value returns how long the object is with which b begins, 0 if it does not end.
func value(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		}
	}
	return 0
}

// write puts members together.
func (m members) write(w io.Writer) error {
	sep := "{"
	for _, one := range m {
		if _, err := io.WriteString(w, sep); err != nil {
			return err
		}
		if _, err := w.Write(one.raw); err != nil {
			return err
		}
		sep = ","
	}
	end := "}"
	if len(m) == 0 {
		end = "{}"
	}
	_, err := io.WriteString(w, end)
	return err
}

// over returns m with the members of o in the place of its own.
func (m members) over(o members) members {
	if len(o) == 0 {
		return m
	}
	all := slices.Clone(o)
	for _, one := range m {
		if !slices.ContainsFunc(o, func(x member) bool { return x.tag == one.tag }) {
			all = append(all, one)
		}
	}
	slices.SortFunc(all, func(a, b member) int { return int(int64(a.tag) - int64(b.tag)) })
	return all
}

// membersOf returns the members of a data set.
func membersOf(d *dicom.Dataset) (members, error) {
	var b bytes.Buffer
	if err := dicom.WriteJSON(&b, d, dicom.JSONOptions{}); err != nil {
		return nil, err
	}
	return cut(b.Bytes())
}

// builder makes a data set of members, to be changed. Bulk data are left out.
func (m members) builder() (*dicom.Builder, error) {
	var b bytes.Buffer
	if err := m.write(&b); err != nil {
		return nil, err
	}
	return dicom.ReadJSON(&b, dicom.JSONLimits{})
}

// dataset makes a data set of members. Bulk data are left out.
func (m members) dataset() (*dicom.Dataset, error) {
	b, err := m.builder()
	if err != nil {
		return nil, err
	}
	return b.Dataset()
}

// only returns the members that keys name.
func (m members) only(keys []key) members {
	var some members
	for _, one := range m {
		if slices.ContainsFunc(keys, func(k key) bool { return k.tag == one.tag }) {
			some = append(some, one)
		}
	}
	return some
}

// uid returns the value of a member that is one UID, "" if there is none.
func (m members) uid(t tag.Tag) string {
	i := slices.IndexFunc(m, func(one member) bool { return one.tag == t })
	if i < 0 {
		return ""
	}
	_, text, _ := bytes.Cut(m[i].raw, []byte(`"Value":["`))
	text, _, _ = bytes.Cut(text, []byte(`"`))
	return string(text)
}

// objects calls fn with each data set of a block until it returns an error. What fn is
// given is valid until it returns. errStop ends it well.
func (p prepared) objects(fn func(object []byte) error) error {
	z, err := gzip.NewReader(bytes.NewReader(p.body))
	if err != nil {
		return errJSON
	}
	var held []byte
	read := make([]byte, 64<<10)
	for {
		n, err := z.Read(read)
		held = append(held, read[:n]...)
		rest := held
		for {
			rest = bytes.TrimLeft(rest, "[,]")
			end := value(rest)
			if end == 0 {
				break
			}
			if err := fn(rest[:end]); err != nil {
				if errors.Is(err, errStop) {
					return nil
				}
				return err
			}
			rest = rest[end:]
		}
		held = held[:copy(held, rest)]
		switch {
		case errors.Is(err, io.EOF) && len(held) == 0:
			return nil
		case err != nil:
			return errJSON
		}
	}
}

// errStop ends a walk over objects.
var errStop = errors.New("enough")

// uri begins the address of bulk data. It cannot be part of a text: there every
// quotation mark has a backslash before it.
const uri = `"BulkDataURI":"`

// relocated returns m with something before the addresses of bulk data.
func (m members) relocated(before string) members {
	for i := range m {
		if before != "" && bytes.Contains(m[i].raw, []byte(uri)) {
			m[i].raw = bytes.ReplaceAll(m[i].raw, []byte(uri), []byte(uri+before))
		}
	}
	return m
}
