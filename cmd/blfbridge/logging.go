package main

import (
	"io"
	"log/slog"

	"blfbridge/bridge/config"
)

// newLogger makes the logger of log.format; level follows log.level at a reload.
func newLogger(w io.Writer, c config.Log) (log *slog.Logger, level *slog.LevelVar, err error) {
	level = new(slog.LevelVar)
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return nil, nil, err
	}
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options)), level, nil
	}
	return slog.New(slog.NewTextHandler(w, options)), level, nil
}
