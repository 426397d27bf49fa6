// This file implements reports as one HTML file with charts.

package bench

import (
	"html/template"
	"io"
	"math"
)

// WriteHTML writes the report, and how it compares with others, as one HTML
// file that needs nothing else.
func (r *Report) WriteHTML(w io.Writer, others ...*Report) error {
	page := htmlPage{Report: r, Comparison: r.Compare(others...)}
	for _, x := range r.Results {
		if x.Error == "" && x.Impl == "zmlx" {
			page.Bars = append(page.Bars, htmlBar{x.Key(), math.Min(x.CopyPercent, 130), x.CopyPercent})
		}
	}
	page.Mean = page.Comparison.Mean()
	for _, row := range page.Comparison.Rows {
		if row.Best == "" {
			continue
		}
		page.Ratios = append(page.Ratios, htmlBar{row.Ours.Key() + " against " + row.Best, math.Min(row.Ratio, 8) * 16, row.Ratio})
	}
	page.points()
	return htmlTemplate.Execute(w, page)
}

type htmlPage struct {
	Report     *Report
	Comparison Comparison
	Mean       float64
	Bars       []htmlBar
	Ratios     []htmlBar
	Points     []htmlPoint // of ops of one axis: time over size, both logarithmic
}

type htmlBar struct {
	Name   string
	Length float64 // of 130
	Value  float64
}

type htmlPoint struct {
	X, Y float64
	Name string
}

// points places sizes from 2^8 to 2^30 and times from 0.1 µs to 10 s on 600 by 400.
func (p *htmlPage) points() {
	for _, x := range p.Report.Results {
		if len(x.Shape) != 1 || x.Impl != "zmlx" || x.Error != "" || x.Seconds <= 0 || x.Op == "memcpy" {
			continue
		}
		p.Points = append(p.Points, htmlPoint{
			X:    600 * (math.Log2(float64(x.Shape[0])) - 8) / 22,
			Y:    400 - 400*(math.Log10(x.Seconds)+7)/8,
			Name: x.Key() + ": " + seconds(x.Seconds),
		})
	}
	if len(p.Points) < 5 {
		p.Points = nil
	}
}

var htmlTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"seconds": seconds,
	"shape":   shapeName,
	"top":     func(i int) int { return 22 * i },
	"height":  func(n int) int { return 22*n + 4 },
	"width":   func(length float64) float64 { return 3 * length },
	"micro":   func(s float64) float64 { return s * 1e6 },
}).Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>zmlx bench</title>
<style>
body { font: 14px/1.4 sans-serif; margin: 2em; color: #222; }
table { border-collapse: collapse; }
td, th { padding: 2px 10px; text-align: right; border-bottom: 1px solid #ddd; }
td:first-child, th:first-child { text-align: left; }
svg text { font: 12px sans-serif; }
.bar { fill: #4a7ebb; }
.slow { fill: #c0504d; }
.rule { stroke: #999; stroke-dasharray: 3 3; }
.failed { color: #c00; }
</style>
</head>
<body>
<h1>zmlx bench</h1>
<p>{{.Report.Device}}<br>{{.Report.Machine}}<br>{{.Report.Time.Format "2006-01-02 15:04 MST"}}<br>
copy bandwidth {{printf "%.1f" .Report.CopyGBps}} GB/s{{if .Report.CPP}}; C++ compiled by {{.Report.CPP}}{{end}}</p>

<h2>Percent of the copy bandwidth</h2>
<svg width="900" height="{{height (len .Bars)}}">
<line class="rule" x1="650" x2="650" y1="0" y2="{{height (len .Bars)}}"/>
{{range $i, $b := .Bars}}<g transform="translate(0 {{top $i}})"><text x="340" y="15" text-anchor="end">{{$b.Name}}</text>
<rect class="bar" x="350" y="2" width="{{width $b.Length}}" height="17"/><text x="760" y="15">{{printf "%.0f" $b.Value}} %</text></g>
{{end}}</svg>
{{if .Points}}
<h2>Time over size</h2>
<svg width="640" height="440" viewBox="-30 -10 650 440">
<rect width="600" height="400" fill="none" stroke="#999"/>
<text x="0" y="418">2^8 elements</text><text x="600" y="418" text-anchor="end">2^30</text>
<text x="-4" y="400" text-anchor="end">0.1 µs</text><text x="-4" y="10" text-anchor="end">10 s</text>
{{range .Points}}<circle class="bar" cx="{{.X}}" cy="{{.Y}}" r="4"><title>{{.Name}}</title></circle>
{{end}}</svg>
{{end}}{{if .Ratios}}
<h2>Against the best of the others</h2>
<p>Their time over ours, {{printf "%.2f" .Mean}} in the geometric mean; the line is 1.</p>
<svg width="1000" height="{{height (len .Ratios)}}">
<line class="rule" x1="478" x2="478" y1="0" y2="{{height (len .Ratios)}}"/>
{{range $i, $b := .Ratios}}<g transform="translate(0 {{top $i}})"><text x="420" y="15" text-anchor="end">{{$b.Name}}</text>
<rect class="{{if lt $b.Value 1.0}}slow{{else}}bar{{end}}" x="430" y="2" width="{{width $b.Length}}" height="17"/><text x="840" y="15">{{printf "%.2f" $b.Value}}</text></g>
{{end}}</svg>
<table>
<tr><th>op</th><th>shape</th><th>dtype</th><th>zmlx</th>{{range .Comparison.Impls}}<th>{{.}}</th>{{end}}<th>best</th><th>ratio</th></tr>
{{$impls := .Comparison.Impls}}{{range .Comparison.Rows}}{{$row := .}}<tr><td>{{.Ours.Op}}</td><td>{{shape .Ours.Shape}}</td><td>{{.Ours.DType}}</td><td>{{seconds .Ours.Seconds}}</td>
{{range $impls}}{{$x := index $row.Theirs .}}<td>{{if $x.Seconds}}{{seconds $x.Seconds}}{{end}}</td>{{end}}<td>{{.Best}}</td><td>{{if .Best}}{{printf "%.2f" .Ratio}}{{end}}</td></tr>
{{end}}</table>
{{end}}
<h2>All results</h2>
<table>
<tr><th>op</th><th>shape</th><th>dtype</th><th>by</th><th>time</th><th>quartiles</th><th>GB/s</th><th>% of copy</th><th>host µs</th></tr>
{{range .Report.Results}}<tr><td>{{.Op}}</td><td>{{shape .Shape}}</td><td>{{.DType}}</td><td>{{.Impl}}</td>
{{if .Error}}<td class="failed" colspan="5">{{.Error}}</td>{{else}}<td>{{seconds .Seconds}}</td><td>{{seconds .Q1}} to {{seconds .Q3}}</td><td>{{printf "%.2f" .GBps}}</td><td>{{printf "%.0f" .CopyPercent}}</td><td>{{if .HostSeconds}}{{printf "%.1f" (micro .HostSeconds)}}{{end}}</td>{{end}}</tr>
{{end}}</table>
{{if .Report.Host}}
<h2>Host time of one call</h2>
<table>
{{range .Report.Host}}<tr><td>{{.Name}}</td><td>{{seconds .Seconds}}</td></tr>
{{end}}</table>
{{end}}
</body>
</html>
`))
