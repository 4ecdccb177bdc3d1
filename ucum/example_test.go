package ucum_test

import (
	"fmt"

	"radagora/ucum"
)

// A Canon fluoroscopy report gives its dose area product in a unit the template
// does not allow; a page shows it in another.
func Example() {
	inFile, _ := ucum.Parse("dGy.cm2")
	stored, _ := ucum.Convert(ucum.MustDecimal("126.596"), inFile, ucum.Must("Gy.m2"))
	shown, _ := ucum.Convert(stored, ucum.Must("Gy.m2"), ucum.Must("Gy.cm2"))
	fmt.Println(stored, shown.Fixed(2))
	// Output: 0.00126596 12.66
}
