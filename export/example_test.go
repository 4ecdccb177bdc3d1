package export_test

import (
	"fmt"
	"iter"
	"strings"

	"radagora/export"
)

// A table of two examinations; the DLP of the second is unknown.
func ExampleCSV() {
	var rows iter.Seq2[[]any, error] = func(yield func([]any, error) bool) {
		_ = yield([]any{"RID10311", 512.25}, nil) && yield([]any{"RID10312", nil}, nil)
	}
	var b strings.Builder
	err := export.CSV(&b, export.Table{
		Name: "dose_examination", Layout: 1,
		Columns: []export.Column{
			{Name: "exam_code", Kind: export.Text},
			{Name: "dlp_mgycm", Kind: export.Number, Unit: "mGy.cm"},
		},
		Rows: rows,
	})
	fmt.Println(strings.TrimPrefix(strings.ReplaceAll(b.String(), "\r\n", "\n"), "\ufeff"), err)
	// Output:
	// layout,exam_code,dlp_mgycm
	// dose_examination/1,RID10311,512.25
	// dose_examination/1,RID10312,
	//  <nil>
}
