package view_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/fhir"
	"radagora/fhir/view"
)

// excluded are the tests of SQL on FHIR that we do not pass, with the reason. One that
// passes fails TestPublished.
var excluded = map[string]string{}

type published struct {
	Title     string
	Resources []json.RawMessage
	Tests     []struct {
		Title         string
		Tags          []string
		View          map[string]any
		Expect        []map[string]any
		ExpectColumns []string
		ExpectError   bool
	}
}

// TestPublished runs the tests of SQL on FHIR.
func TestPublished(t *testing.T) {
	root := os.Getenv("RADAGORA_SHARED")
	if root == "" {
		root = "../../../shared"
	}
	files, err := filepath.Glob(filepath.Join(root, "samples/fhir/sql-on-fhir/*.json"))
	if err != nil || len(files) == 0 {
		t.Skip("shared samples not found: sql-on-fhir")
	}
	passed, tests := map[string]int{}, map[string]int{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var suite published
		if err := json.Unmarshal(text, &suite); err != nil {
			t.Fatal(err)
		}
		for _, one := range suite.Tests {
			name := suite.Title + "/" + one.Title
			columns, rows, err := run(t, one.View, suite.Resources)
			diff := ""
			switch {
			case one.ExpectError && err == nil:
				diff = "no error"
			case one.ExpectError:
			case err != nil:
				diff = err.Error()
			case one.ExpectColumns != nil:
				diff = cmp.Diff(one.ExpectColumns, columns)
			}
			if diff == "" && !one.ExpectError {
				diff = cmp.Diff(lines(one.Expect), lines(rows))
			}
			tests[one.Tags[0]]++
			reason, out := excluded[name]
			switch {
			case diff == "" && out:
				t.Errorf("%s passes, but is excluded: %s", name, reason)
			case diff == "":
				passed[one.Tags[0]]++
			case !out:
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
	t.Logf("passed %v of %v", passed, tests)
	if tests["shareable"] != 123 || tests["experimental"] != 11 {
		t.Errorf("tests = %v; want 123 shareable, 11 experimental", tests)
	}
}

// run makes the rows of a view as JSON.
func run(t *testing.T, def map[string]any, resources []json.RawMessage) (columns []string, all []map[string]any, err error) {
	t.Helper()
	def["resourceType"] = "ViewDefinition"
	text, err := json.Marshal(def)
	if err != nil {
		t.Fatal(err)
	}
	r, err := fhir.Parse(text)
	if err != nil {
		return nil, nil, err
	}
	v, err := view.Compile(r)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range v.Columns() {
		columns = append(columns, c.Name)
	}
	for _, text := range resources {
		r, err := fhir.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := v.Rows(t.Context(), r, nil)
		if err != nil {
			return nil, nil, err
		}
		for _, row := range rows {
			cells := map[string]any{}
			for i, c := range v.Columns() {
				list := []any{}
				for _, value := range row[i] {
					list = append(list, json.RawMessage(value.AppendJSON(nil)))
				}
				switch {
				case c.Collection:
					cells[c.Name] = list
				case len(list) == 0:
					cells[c.Name] = nil
				default:
					cells[c.Name] = list[0]
				}
			}
			all = append(all, cells)
		}
	}
	return columns, all, nil
}

// lines returns rows as sorted text: their order is left open.
func lines(rows []map[string]any) []string {
	all := []string{}
	for _, row := range rows {
		text, _ := json.Marshal(row) // sorts the keys
		var plain map[string]any
		_ = json.Unmarshal(text, &plain) // numbers by value
		text, _ = json.Marshal(plain)
		all = append(all, strings.TrimSpace(string(text)))
	}
	slices.Sort(all)
	return all
}
