package origin

import (
	"fmt"
	"strings"
)

// modernChunks is how many of the scripts are numbered pieces of a bundle.
const modernChunks = 17

// modernScripts writes the 24 scripts, 780,000 bytes. They run without error and
// leave the page as it is.
func modernScripts() []text {
	list := []text{
		script("runtime.js", 12000),
		script("vendor.js", 176000),
		script("analytics.js", 50000),
		script("consent.js", 38000),
		script("search.js", 30000),
		module("app.mjs", 60000, "import { entries } from \"./store.mjs\";\nif (entries.length === 0) throw new Error(\"the store is empty\");\n"),
		module("store.mjs", 40000, "export const entries = [\"one\", \"two\"];\n"),
	}
	for i := range modernChunks {
		list = append(list, script(chunkName(i), 14000+1000*i))
	}
	return list
}

// script writes a classic script, whose names stay its own.
func script(name string, size int) text {
	const end = "})();\n"
	s := functions("\"use strict\";\n(() => {\n", size-len(end)-200, dice(size))
	return text{name, fillComment(s, "/* ", "*/\n"+end, size)}
}

// module writes a script that imports or exports by its first lines.
func module(name string, size int, first string) text {
	return text{name, fillComment(functions(first, size-200, dice(size)), "/* ", "*/\n", size)}
}

// functions adds functions and tables to s up to about size bytes.
func functions(s string, size int, d dice) string {
	var b strings.Builder
	b.WriteString(s)
	p := prose{d}
	for i := 0; b.Len()+700 < size; i++ {
		name := camel(p.pick(verbs)+" "+p.pick(objects)) + fmt.Sprint(i)
		fmt.Fprintf(&b, "// %s\nfunction %s(list, limit = %d) {\n", p.sentence(), name, p.roll(1000))
		fmt.Fprintf(&b, "  const table = [%s];\n", p.numbers(8+p.roll(24)))
		fmt.Fprintf(&b, "  const kept = list.filter((item) => item.%s %s limit && item.id !== %d);\n", camel(p.pick(subjects)), p.pick([]string{"<", ">", "<=", ">="}), p.roll(1e6))
		fmt.Fprintf(&b, "  return kept.map((item, i) => ({ ...item, rank: table[i %% table.length] ^ 0x%x }));\n}\n", p.roll(1<<24))
	}
	return b.String()
}

// numbers writes n numbers, the part of a script that compresses least.
func (p *prose) numbers(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint(p.roll(1 << 20))
	}
	return strings.Join(list, ", ")
}

// camel makes a name of words.
func camel(words string) string {
	var b strings.Builder
	for i, w := range strings.Fields(words) {
		if i > 0 {
			w = strings.ToUpper(w[:1]) + w[1:]
		}
		b.WriteString(w)
	}
	return b.String()
}
