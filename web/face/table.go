package face

import "github.com/a-h/templ"

// A Table is the main furniture of a page: a sticky head, columns that sort by
// way of the address, rows that open a drawer. On a phone each row becomes
// three things, the cells whose columns are marked Name, Glyph and Value; the
// rest is in the drawer.
type Table struct {
	ID      string
	Caption string // what the rows are; screen readers announce it
	Columns []Column
	Rows    []Row
	Dense   bool
	Empty   templ.Component // what to say when there are no rows: what will stand here and what feeds it
	Next    string          // address of the next page by the key of the last row, "" at the end
	First   string          // address of the first page, "" when this is it
}

// A Column of a table.
type Column struct {
	Label   string
	Hint    string // definition of the term, shown on hover
	Numeric bool   // right-aligned
	Phone   Phone
	Sort    string // address that sorts by this column, "" if it does not sort
	Sorted  Order
}

// Phone says what becomes of a column on a phone.
type Phone string

// The places of a row on a phone.
const (
	InDrawer Phone = ""
	Name     Phone = "name"
	Wide     Phone = "wide" // in the drawer on a phone, and left out of a narrow page too
	Beside   Phone = "value"
	Drawn    Phone = "glyph"
)

// Order says how a column is sorted now.
type Order string

// The orders, as aria-sort has them.
const (
	Unsorted   Order = ""
	Ascending  Order = "ascending"
	Descending Order = "descending"
)

// A Row of a table. Href opens its drawer; it hangs on the first cell.
type Row struct {
	ID    string
	Href  string
	Open  bool // its drawer is shown
	Cells []templ.Component
}

// A Chip is a filter that is on, with the address that takes it off.
type Chip struct {
	Label string
	Value string
	Off   string
}
