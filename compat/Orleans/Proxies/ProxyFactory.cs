using System.Collections.Concurrent;
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;

namespace Orleans.Runtime;

/// <summary>
/// Makes, at run time and once an interface, what the real package's code generator makes at build time: a class that implements the grain interface on
/// top of <see cref="GrainReference"/>, and one request class a method. They depend on the interface alone, so all silos of a process share them.
/// </summary>
internal static class ProxyFactory
{
    private static readonly ConcurrentDictionary<Type, Lazy<Func<GrainReferenceShared, IdSpan, GrainReference>>> s_made = new();

    public static Func<GrainReferenceShared, IdSpan, GrainReference> For(Type interfaceType) =>
        s_made.GetOrAdd(interfaceType, static type => new(() => Make(type))).Value;

    /// <summary>The methods that a reference of this interface answers, its base interfaces' too.</summary>
    public static IEnumerable<MethodInfo> MethodsOf(Type interfaceType) =>
        interfaceType.GetInterfaces().Prepend(interfaceType)
            .SelectMany(i => i.GetMethods(BindingFlags.Instance | BindingFlags.Public))
            .Where(m => !m.IsPrivate);

    private static Func<GrainReferenceShared, IdSpan, GrainReference> Make(Type interfaceType)
    {
        if (!interfaceType.IsInterface || !typeof(IAddressable).IsAssignableFrom(interfaceType))
            throw new ArgumentException($"{interfaceType} is not a grain interface.", nameof(interfaceType));
        var module = DefineModule(interfaceType);
        var proxy = module.DefineType($"Proxy_{interfaceType.Name}", TypeAttributes.Public | TypeAttributes.Sealed | TypeAttributes.Class, typeof(GrainReference));
        proxy.AddInterfaceImplementation(interfaceType);
        var constructor = DefineConstructor(proxy);
        var descriptors = new List<(FieldBuilder Field, MethodDescriptor Descriptor)>();
        foreach (var method in MethodsOf(interfaceType))
        {
            var descriptor = new MethodDescriptor(interfaceType, method);
            var field = proxy.DefineField($"s_{descriptors.Count}", typeof(MethodDescriptor), FieldAttributes.Static | FieldAttributes.Public);
            var request = RequestWriter.Write(module, $"Request_{interfaceType.Name}_{method.Name}_{descriptors.Count}", descriptor);
            DefineMethod(proxy, method, field, request);
            descriptors.Add((field, descriptor));
        }

        var made = proxy.CreateType();
        foreach (var (field, descriptor) in descriptors)
            made.GetField(field.Name)!.SetValue(null, descriptor);
        return Creator(made.GetConstructor([typeof(GrainReferenceShared), typeof(IdSpan)])!, constructor.Name);
    }

    // An assembly an interface: what it may look into is settled before its first type is loaded.
    private static ModuleBuilder DefineModule(Type interfaceType)
    {
        var assembly = AssemblyBuilder.DefineDynamicAssembly(new AssemblyName($"Orleans.Proxies.{interfaceType.FullName}"), AssemblyBuilderAccess.Run);
        var attribute = typeof(IgnoresAccessChecksToAttribute).GetConstructor([typeof(string)])!;
        var seen = new HashSet<string>();
        foreach (var type in MethodsOf(interfaceType).SelectMany(Mentioned).Append(interfaceType).Append(typeof(GrainReference)))
        {
            if (type.Assembly.GetName().Name is { } name && seen.Add(name))
                assembly.SetCustomAttribute(new CustomAttributeBuilder(attribute, [name]));
        }

        return assembly.DefineDynamicModule("Proxies");
    }

    private static IEnumerable<Type> Mentioned(MethodInfo method) =>
        method.GetParameters().Select(p => p.ParameterType).Append(method.ReturnType).Append(method.DeclaringType!).SelectMany(WithArguments);

    private static IEnumerable<Type> WithArguments(Type type)
    {
        if (type.HasElementType)
            return WithArguments(type.GetElementType()!);
        return type.IsGenericType ? type.GetGenericArguments().SelectMany(WithArguments).Append(type) : [type];
    }

    private static ConstructorBuilder DefineConstructor(TypeBuilder proxy)
    {
        Type[] parameters = [typeof(GrainReferenceShared), typeof(IdSpan)];
        var constructor = proxy.DefineConstructor(MethodAttributes.Public, CallingConventions.HasThis, parameters);
        var il = constructor.GetILGenerator();
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldarg_1);
        il.Emit(OpCodes.Ldarg_2);
        il.Emit(OpCodes.Call, typeof(GrainReference).GetConstructor(BindingFlags.Instance | BindingFlags.NonPublic, parameters)!);
        il.Emit(OpCodes.Ret);
        return constructor;
    }

    private static void DefineMethod(TypeBuilder proxy, MethodInfo method, FieldBuilder descriptor, RequestClass request)
    {
        var parameters = method.GetParameters();
        var builder = proxy.DefineMethod(
            $"{method.DeclaringType!.FullName}.{method.Name}", MethodAttributes.Private | MethodAttributes.Virtual | MethodAttributes.Final | MethodAttributes.HideBySig | MethodAttributes.NewSlot,
            method.ReturnType, [.. parameters.Select(p => p.ParameterType)]);
        var il = builder.GetILGenerator();
        var local = il.DeclareLocal(request.Type);
        il.Emit(OpCodes.Newobj, request.Constructor);
        il.Emit(OpCodes.Stloc, local);
        il.Emit(OpCodes.Ldloc, local);
        il.Emit(OpCodes.Ldsfld, descriptor);
        il.Emit(OpCodes.Call, typeof(RequestBase).GetMethod(nameof(RequestBase.Describe), BindingFlags.Instance | BindingFlags.NonPublic)!);
        for (var i = 0; i < parameters.Length; i++)
        {
            il.Emit(OpCodes.Ldloc, local);
            il.Emit(OpCodes.Ldarg, i + 1);
            if (!Serialization.Copiers.IsShallow(parameters[i].ParameterType) && !parameters[i].IsDefined(typeof(ImmutableAttribute), false))
            {
                var copier = typeof(Serialization.Copier<>).MakeGenericType(parameters[i].ParameterType);
                il.Emit(OpCodes.Call, copier.GetMethod("Copy", [parameters[i].ParameterType])!);
            }

            il.Emit(OpCodes.Stfld, request.Arguments[i]);
        }

        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldloc, local);
        il.Emit(OpCodes.Call, RequestKinds.SendFor(method.ReturnType));
        il.Emit(OpCodes.Ret);
        proxy.DefineMethodOverride(builder, method);
    }

    private static Func<GrainReferenceShared, IdSpan, GrainReference> Creator(ConstructorInfo constructor, string name)
    {
        var method = new DynamicMethod(name, typeof(GrainReference), [typeof(GrainReferenceShared), typeof(IdSpan)], typeof(GrainReference).Module, skipVisibility: true);
        var il = method.GetILGenerator();
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldarg_1);
        il.Emit(OpCodes.Newobj, constructor);
        il.Emit(OpCodes.Ret);
        return method.CreateDelegate<Func<GrainReferenceShared, IdSpan, GrainReference>>();
    }
}
