/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shim: a tracepoint calls shim_trace_NAME() if somebody has defined it.
 */
#ifndef _SHIM_LINUX_TRACEPOINT_H
#define _SHIM_LINUX_TRACEPOINT_H

#include <env/env.h>

#define TP_PROTO(...)		__VA_ARGS__
#define TP_ARGS(...)		__VA_ARGS__
#define DECLARE_EVENT_CLASS(...)
#define TRACE_DEFINE_ENUM(e)	_Static_assert((e) >= 0, #e)
#define DEFINE_EVENT(class, name, proto, args)				\
	__attribute__((weak)) void shim_trace_##name(proto);		\
	static inline bool trace_##name##_enabled(void)			\
	{								\
		return &shim_trace_##name;				\
	}								\
	static inline void trace_##name(proto)				\
	{								\
		if (trace_##name##_enabled())				\
			shim_trace_##name(args);			\
	}
#define TRACE_EVENT(name, proto, args, ...)	\
	__attribute__((weak)) void shim_trace_##name(proto);		\
	static inline bool trace_##name##_enabled(void)			\
	{								\
		return &shim_trace_##name;				\
	}								\
	static inline void trace_##name(proto)				\
	{								\
		if (trace_##name##_enabled())				\
			shim_trace_##name(args);			\
	}

#endif
