using System.Runtime.Serialization;

namespace Sentry;

/// <summary>How bad an event is.</summary>
public enum SentryLevel : short
{
    [EnumMember(Value = "debug")]
    Debug,

    [EnumMember(Value = "info")]
    Info,

    [EnumMember(Value = "warning")]
    Warning,

    [EnumMember(Value = "error")]
    Error,

    [EnumMember(Value = "fatal")]
    Fatal,
}

/// <summary>How bad a breadcrumb is.</summary>
public enum BreadcrumbLevel
{
    [EnumMember(Value = "debug")]
    Debug = -1,

    [EnumMember(Value = "info")]
    Info = 0,

    [EnumMember(Value = "warning")]
    Warning = 1,

    [EnumMember(Value = "error")]
    Error = 2,

    [EnumMember(Value = "fatal")]
    Fatal = 3,
}

/// <summary>Which repetitions of an event are not sent again.</summary>
[Flags]
public enum DeduplicateMode
{
    SameEvent = 1,
    SameExceptionInstance = 2,
    InnerException = 4,
    AggregateException = 8,
    All = int.MaxValue,
}
