package face

// A Field is a line of a form to type into.
type Field struct {
	Name     string
	Label    string
	Hint     string
	Value    string
	Error    string // what is wrong with the value, and what would be right
	Type     string // of the input element; "" is text
	Required bool
	List     []Choice // suggestions while typing
	Complete string   // autocomplete token; "" is off
	Focus    bool     // where typing begins
	Prefix   string   // makes ids unique where a form repeats on a page
	Numeric  bool     // digits: phones show them first
}

// A Select is a line of a form to choose from.
type Select struct {
	Name    string
	Label   string
	Hint    string
	Value   string
	Error   string
	Choices []Choice
	None    string // label of the empty choice; "" for no empty choice
	Prefix  string
	Counted bool // shows how many there are of each choice
}

// A TextArea is a field of several lines.
type TextArea struct {
	Name, Label, Hint, Value, Error, Prefix string
	Rows                                    int
}

// id makes the id of a form element.
func id(prefix, name string) string {
	if prefix == "" {
		return "f-" + name
	}
	return "f-" + prefix + "-" + name
}

// describedBy returns the ids of hint and error, for screen readers.
func describedBy(id, hint, problem string) string {
	by := ""
	if hint != "" {
		by = id + "-hint"
	}
	if problem != "" {
		if by != "" {
			by += " "
		}
		by += id + "-error"
	}
	return by
}
