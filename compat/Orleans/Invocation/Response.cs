using System.Diagnostics.CodeAnalysis;
using System.Runtime.ExceptionServices;

namespace Orleans.Serialization.Invocation;

/// <summary>What came of a call.</summary>
public abstract class Response : IDisposable
{
    public static Response Completed => CompletedResponse.Instance;

    public abstract object? Result { get; set; }

    public abstract Exception? Exception { get; set; }

    public static Response FromException(Exception exception) => new ExceptionResponse { Exception = exception };

    public static Response FromResult<TResult>(TResult value) => new Response<TResult> { TypedResult = value };

    [return: MaybeNull]
    public abstract T GetResult<T>();

    public abstract void Dispose();

    public override string ToString() => Exception?.ToString() ?? Result?.ToString() ?? "[null]";
}

/// <summary>A call that has no result came to its end.</summary>
public sealed class CompletedResponse : Response
{
    public static CompletedResponse Instance { get; } = new();

    public override object? Result
    {
        get => null;
        set => throw new InvalidOperationException($"A {nameof(CompletedResponse)} is read-only.");
    }

    public override Exception? Exception
    {
        get => null;
        set => throw new InvalidOperationException($"A {nameof(CompletedResponse)} is read-only.");
    }

    [return: MaybeNull]
    public override T GetResult<T>() => default;

    public override void Dispose()
    {
    }

    public override string ToString() => "[Completed]";
}

/// <summary>A call that failed; reading its result throws.</summary>
public sealed class ExceptionResponse : Response
{
    public override object? Result
    {
        get
        {
            ExceptionDispatchInfo.Throw(Exception!);
            return null;
        }
        set => throw new InvalidOperationException($"An {nameof(ExceptionResponse)} has no result.");
    }

    public override Exception? Exception { get; set; }

    [return: MaybeNull]
    public override T GetResult<T>()
    {
        ExceptionDispatchInfo.Throw(Exception!);
        return default;
    }

    public override void Dispose()
    {
    }
}

/// <summary>A call's result.</summary>
public sealed class Response<TResult> : Response
{
    public TResult? TypedResult { get; set; }

    public override object? Result
    {
        get => TypedResult;
        set => TypedResult = (TResult?)value;
    }

    public override Exception? Exception
    {
        get => null;
        set => throw new InvalidOperationException("A result is not a failure.");
    }

    public override T GetResult<T>() => (T)(object)TypedResult!;

    public override void Dispose() => TypedResult = default;
}
