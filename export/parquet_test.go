package export_test

import (
	"bytes"
	"errors"
	"io"
	"iter"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"radagora/export"
)

// What is written is read back by its names, in its order, with its units, and what is
// unknown is null.
func TestParquetReadsBack(t *testing.T) {
	made := time.Date(2026, 3, 1, 10, 11, 12, 0, time.FixedZone("", 3600))
	rows := [][]any{
		{"=cmd|x", 512.25, 3, true, made, made, made},
		{nil, nil, nil, nil, nil, nil, nil},
		{"two", 7, int64(-1), false, made.AddDate(-60, 0, 0), made, made},
	}
	var b bytes.Buffer
	err := export.Parquet(&b, export.Table{
		Name: "dose_test", Layout: 4, About: []export.Line{{Key: "period", Value: "2026"}},
		Columns: []export.Column{
			{Name: "zone", Kind: export.Text},
			{Name: "dlp_mgycm", Kind: export.Number, Unit: "mGy.cm"},
			{Name: "events", Kind: export.Integer},
			{Name: "official", Kind: export.Boolean},
			{Name: "day", Kind: export.Date},
			{Name: "at", Kind: export.Instant},
			{Name: "clock", Kind: export.Local},
		},
		Rows: func(yield func([]any, error) bool) {
			for _, r := range rows {
				if !yield(r, nil) {
					return
				}
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range f.Schema().Columns() {
		names = append(names, c[0])
	}
	if diff := cmp.Diff([]string{"zone", "dlp_mgycm", "events", "official", "day", "at", "clock"}, names); diff != "" {
		t.Error("columns:", diff)
	}
	for key, want := range map[string]string{"radagora.layout": "dose_test/4", "period": "2026", "unit.dlp_mgycm": "mGy.cm"} {
		if got, _ := f.Lookup(key); got != want {
			t.Errorf("metadata %s: %q, not %q", key, got, want)
		}
	}
	type record struct {
		Zone     *string    `parquet:"zone"`
		DLP      *float64   `parquet:"dlp_mgycm"`
		Events   *int64     `parquet:"events"`
		Official *bool      `parquet:"official"`
		Day      *time.Time `parquet:"day,date"`
		At       *time.Time `parquet:"at,timestamp(microsecond)"`
	}
	got, err := parquet.Read[record](bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil || len(got) != 3 {
		t.Fatal(len(got), err)
	}
	if *got[0].Zone != "=cmd|x" || *got[0].DLP != 512.25 || *got[0].Events != 3 || !*got[0].Official || !got[0].At.Equal(made) || got[0].Day.Format(time.DateOnly) != "2026-03-01" {
		t.Errorf("first row: %+v", got[0])
	}
	if r := got[1]; r.Zone != nil || r.DLP != nil || r.Events != nil || r.Official != nil || r.Day != nil {
		t.Errorf("unknown became something: %+v", r)
	}
	if *got[2].DLP != 7 || *got[2].Events != -1 || got[2].Day.Year() != 1966 {
		t.Errorf("third row: %+v", got[2])
	}
}

// An error of the rows ends the file.
func TestParquetEndsWithItsRows(t *testing.T) {
	broken := errors.New("broken")
	var rows iter.Seq2[[]any, error] = func(yield func([]any, error) bool) { yield(nil, broken) }
	err := export.Parquet(io.Discard, export.Table{Name: "x", Layout: 1, Columns: []export.Column{{Name: "a", Kind: export.Text}}, Rows: rows})
	if !errors.Is(err, broken) {
		t.Error(err)
	}
}
