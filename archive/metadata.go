package archive

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"strings"

	"radagora/dicom"
	"radagora/dicom/uid"
	"radagora/fault"
)

// A Block is the metadata of instances: a JSON array of data sets in the DICOM JSON
// model (PS3.18 F), compressed. Text is UTF-8. Pixels, and values of bytes longer than
// a kilobyte, are left out and have a BulkDataURI relative to the address of the
// metadata: instances/UID/bulk/PATH below the series, where PATH is tags and numbers
// of items from 1, such as 7FE00010 or 54000100/1/54001010; Frames.Bulk opens them.
type Block struct {
	ETag      string // of the content, in quotation marks (RFC 9110 8.8.3)
	Instances int
	packed    []byte
}

// Gzip returns the block as a gzip file of one member. It must not be changed.
func (b Block) Gzip() []byte { return b.packed }

// JSON returns a reader over the block without compression.
func (b Block) JSON() io.Reader {
	r, err := gzip.NewReader(bytes.NewReader(b.packed))
	if err != nil {
		return strings.NewReader("[]") // the zero Block
	}
	return r
}

// Metadata returns the metadata of a series, in the order of instance numbers, or of a
// whole study if series is the zero UID. NotFound: there is none.
func (a *Archive) Metadata(ctx context.Context, site string, study, series uid.UID) (Block, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	n := 0
	_, _ = io.WriteString(z, "[")
	list, err := a.SeriesOf(ctx, site, study)
	if err != nil {
		return Block{}, err
	}
	for _, s := range list {
		if !series.IsZero() && s.UID != series {
			continue
		}
		all, err := a.Instances(ctx, site, study, s.UID, nil, 1<<20)
		if err != nil {
			return Block{}, err
		}
		for _, i := range all {
			if n > 0 {
				_, _ = io.WriteString(z, ",")
			}
			n++
			if err := a.describe(ctx, z, i); err != nil {
				return Block{}, err
			}
		}
	}
	if n == 0 {
		return Block{}, fault.Errorf(fault.NotFound, "no such series")
	}
	_, _ = io.WriteString(z, "]")
	if err := z.Close(); err != nil {
		return Block{}, err
	}
	return Block{ETag: `"` + study.String() + `"`, Instances: n, packed: out.Bytes()}, nil
}

// bulkLimit is how many bytes a value of bytes may have to stand in metadata.
const bulkLimit = 1 << 10

// describe writes the metadata of one instance.
func (a *Archive) describe(ctx context.Context, w io.Writer, i Instance) error {
	o, err := a.OpenInstance(ctx, i)
	if err != nil {
		return err
	}
	defer o.Close()
	f, err := o.Read(nil)
	if err != nil {
		return unreadable(f, err)
	}
	return dicom.WriteJSON(w, f.Dataset, dicom.JSONOptions{
		InlineLimit: bulkLimit,
		BulkDataURI: func(path string, _ dicom.Element) string { return "instances/" + i.SOP.String() + "/bulk/" + path },
	})
}
