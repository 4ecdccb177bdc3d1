package export

import (
	"fmt"
	"io"
	"reflect"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"

	"radagora/ucum"
)

// parquetRows is how many rows are held until they are written together.
const parquetRows = 10_000

// cells holds the Go type and the logical type of a Parquet column for each Kind, in
// the order of the constants.
var cells = [...]struct {
	of      reflect.Type
	logical string
}{
	Text:    {reflect.TypeFor[*string](), ""},
	Number:  {reflect.TypeFor[*float64](), ""},
	Integer: {reflect.TypeFor[*int64](), ""},
	Boolean: {reflect.TypeFor[*bool](), ""},
	Date:    {reflect.TypeFor[*int32](), ",date"},
	Instant: {reflect.TypeFor[*int64](), ",timestamp(microsecond:utc)"},
	Local:   {reflect.TypeFor[*int64](), ",timestamp(microsecond:local)"},
}

// Parquet writes t to w as Apache Parquet: a column for each of the table's, in their
// order and under their names, each optional, because what is unknown is null. Text is
// a string, a number a double, an integer 64 bits, a date a date, an instant a
// timestamp in UTC, a local one a timestamp without a zone, both in microseconds. The
// metadata of the file holds table and layout, where the rows come from, and the unit
// of each column as unit.NAME. Text is not guarded: nothing takes it for a formula.
//
// Errors are those of CSV; after one, throw away what w holds.
func Parquet(w io.Writer, t Table) error {
	if err := t.check(); err != nil {
		return err
	}
	fields := make([]reflect.StructField, len(t.Columns))
	for i, c := range t.Columns {
		fields[i] = reflect.StructField{
			Name: "C" + strconv.Itoa(i), Type: cells[c.Kind].of,
			Tag: reflect.StructTag(fmt.Sprintf(`parquet:"%s,optional,snappy%s"`, c.Name, cells[c.Kind].logical)),
		}
	}
	schema := parquet.SchemaOf(reflect.New(reflect.StructOf(fields)).Interface())
	out := parquet.NewWriter(w, append([]parquet.WriterOption{schema, parquet.MaxRowsPerRowGroup(parquetRows)}, t.metadata()...)...)
	line := make(parquet.Row, len(t.Columns))
	for row, err := range t.values() {
		if err != nil {
			return err
		}
		for i, v := range row {
			line[i] = cell(v, t.Columns[i].Kind).Level(0, 1, i)
			if v == nil {
				line[i] = parquet.NullValue().Level(0, 0, i)
			}
		}
		if _, err := out.WriteRows([]parquet.Row{line}); err != nil {
			return fmt.Errorf("export %s: %w", t.Name, err)
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("export %s: %w", t.Name, err)
	}
	return nil
}

// metadata is what a file says about itself.
func (t *Table) metadata() []parquet.WriterOption {
	all := []parquet.WriterOption{parquet.KeyValueMetadata("radagora.layout", t.layout())}
	for _, l := range t.About {
		all = append(all, parquet.KeyValueMetadata(l.Key, l.Value))
	}
	for _, c := range t.Columns {
		if c.Unit != "" {
			all = append(all, parquet.KeyValueMetadata("unit."+c.Name, c.Unit))
		}
	}
	return all
}

// cell returns a value of a kind, in the one form that values returns, for Parquet.
func cell(v any, k Kind) parquet.Value {
	switch v := v.(type) {
	case string:
		return parquet.ValueOf(v)
	case float64:
		return parquet.DoubleValue(v)
	case ucum.Decimal:
		return parquet.DoubleValue(v.Float())
	case int64:
		if k == Number {
			return parquet.DoubleValue(float64(v))
		}
		return parquet.Int64Value(v)
	case bool:
		return parquet.BooleanValue(v)
	case time.Time:
		if k == Date {
			return parquet.Int32Value(int32(v.Unix() / (24 * 60 * 60))) //nolint:gosec // days of the years 0 to 9999
		}
		return parquet.Int64Value(v.UnixMicro())
	}
	return parquet.NullValue()
}
