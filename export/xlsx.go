package export

import (
	"archive/zip"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/xuri/excelize/v2"

	"radagora/fault"
)

// Limits of a sheet (Excel specifications and limits), and of a part of the file,
// beyond which readers differ about ZIP64.
const (
	maxSheetRows    = excelize.TotalRows - 1 // one is the heading
	maxSheetColumns = excelize.MaxColumns
	maxPart         = math.MaxUint32
)

// XLSX writes t to w as an Office Open XML workbook with two sheets: the table,
// named by Title, and About. Cells are typed; the heading holds label and unit,
// stays in view and filters. About holds name and layout of the table, t.About and
// what the columns are called in CSV. There are no formulas, macros or links, and
// the same table gives the same bytes.
//
// Nothing is written to w before the last row has come; up to then rows beyond
// some 16 MB wait in t.Scratch. Errors are those of Rows with their kind, those of
// w, fault.Exhausted for more rows or columns than a sheet has, fault.Unavailable
// if there is no scratch folder, and fault.Internal for a table or a value that
// does not fit its column.
func XLSX(w io.Writer, t Table) error {
	if err := t.check(); err != nil {
		return err
	}
	if t.Made.IsZero() {
		return fault.Errorf(fault.Internal, "export table %s: when was it made", t.Name)
	}
	if len(t.Columns) > maxSheetColumns {
		return fault.Errorf(fault.Exhausted, "export %s: a sheet has %d columns", t.Name, maxSheetColumns)
	}
	dir, err := os.MkdirTemp(t.Scratch, "radagora-export-")
	if err != nil {
		return fault.As(fault.Unavailable, fmt.Errorf("export %s: make a scratch folder: %w", t.Name, err))
	}
	b := book{table: &t, file: excelize.NewFile(excelize.Options{TmpDir: dir})}
	defer func() {
		_ = b.file.Close() // the scratch files go with their folder
		_ = os.RemoveAll(dir)
	}()
	for _, step := range []func() error{b.properties, b.styles, b.sheet, b.about} {
		if err := step(); err != nil {
			return err
		}
	}
	return b.write(w)
}

// A book is a workbook being made of a table.
type book struct {
	table *Table
	file  *excelize.File
	main  string // name of the table's sheet

	heading, bold, asText int   // styles
	style                 []int // of each column's cells
}

// properties are what a file manager shows of the document.
func (b *book) properties() error {
	made := b.table.Made.UTC().Format(time.RFC3339)
	err := b.file.SetDocProps(&excelize.DocProperties{
		Creator: "Radagora", LastModifiedBy: "Radagora",
		Title: clean(b.table.Title), Subject: b.table.layout(),
		Created: made, Modified: made,
	})
	if err != nil {
		return fmt.Errorf("export %s: properties: %w", b.table.Name, err)
	}
	if err := b.file.SetAppProps(&excelize.AppProperties{Application: "Radagora"}); err != nil {
		return fmt.Errorf("export %s: properties: %w", b.table.Name, err)
	}
	return nil
}

// write packs the workbook straight into w; excelize by itself would gather the
// whole file in memory first.
func (b *book) write(w io.Writer) error {
	b.file.SetZipWriter(func(io.Writer) excelize.ZipWriter { return packer{zip.NewWriter(w)} })
	if err := b.file.Write(io.Discard); err != nil {
		return fmt.Errorf("export %s: %w", b.table.Name, err)
	}
	return nil
}

// A packer is a ZIP writer whose parts have an end.
type packer struct{ *zip.Writer }

// Create begins the part with the given name.
func (p packer) Create(name string) (io.Writer, error) {
	w, err := p.Writer.Create(name)
	return &part{w: w, left: maxPart}, err
}

// A part is one file of the workbook.
type part struct {
	w    io.Writer
	left int64
}

// Write refuses as fault.Exhausted what not every reader would read.
func (p *part) Write(b []byte) (int, error) {
	if p.left -= int64(len(b)); p.left < 0 {
		return 0, fault.Errorf(fault.Exhausted, "a sheet of more than %d bytes; take fewer rows, or CSV", int64(maxPart))
	}
	return p.w.Write(b)
}
